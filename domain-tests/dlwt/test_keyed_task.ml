(* [Dlwt.keyed_task]: tasks that share a function, called when one is cancelled. *)

open Lwt.Infix
open Support

let cancelled p = Lwt.state p = Fail Lwt.Canceled

(* [f] gets a task with key 7, its resolver, and the calls so far, the latest first. *)
let with_task f () =
  let calls = ref [] in
  let on_cancel key = calls := string_of_int key :: !calls in
  let p, u = Dlwt.keyed_task ~on_cancel 7 in
  f p u calls

let called calls expected = Alcotest.(check (list string)) "calls" expected !calls

let cancel p _ calls =
  Lwt.on_cancel p (fun () -> calls := "on_cancel" :: !calls);
  let dependent = p >|= fun () -> calls := "never" :: !calls in
  Lwt.cancel p;
  Lwt.cancel p;
  check "cancelled" (cancelled p && cancelled dependent);
  called calls [ "on_cancel"; "7" ]

let from_dependent p _ calls =
  let dependent = Lwt.join [ (p >>= fun () -> Lwt.return_unit); Lwt.return_unit ] in
  Lwt.cancel dependent;
  check "cancelled" (cancelled p && cancelled dependent);
  called calls [ "7" ]

(* The task is then the same promise as the one that [bind] returned. *)
let returned_to_bind p _ calls =
  let start, go = Lwt.wait () in
  let outer = start >>= fun () -> p in
  Lwt.wakeup go ();
  Lwt.cancel outer;
  check "cancelled" (cancelled p && cancelled outer);
  called calls [ "7" ]

let resolved p u calls =
  Lwt.wakeup u ();
  Lwt.cancel p;
  check "resolved" (Lwt.state p = Return ());
  called calls []

let rejected p u calls =
  Lwt.on_cancel p (fun () -> calls := "on_cancel" :: !calls);
  Lwt.wakeup_exn u Lwt.Canceled;
  check "rejected" (cancelled p);
  called calls [ "on_cancel" ]

let shielded p u calls =
  Lwt.cancel (Lwt.no_cancel p);
  Lwt.cancel (Lwt.protected p);
  check "pending" (Lwt.state p = Sleep);
  called calls [];
  Lwt.wakeup u ()

let raises () =
  let seen = ref None in
  Dlwt.set_async_exception_hook (Some (fun e -> seen := Some e));
  let p, _ = Dlwt.keyed_task ~on_cancel:(fun _ -> raise Exit) 0 in
  Lwt.cancel p;
  Dlwt.set_async_exception_hook None;
  check "cancelled" (cancelled p);
  check "reported" (!seen = Some Exit)

let elsewhere p u calls =
  let owner = domain () in
  Domain.join
    (Domain.spawn (fun () -> refused ~what:"cancel" ~owner (fun () -> Lwt.cancel p)));
  called calls [];
  Lwt.wakeup u ();
  check "still works" (Lwt.state p = Return ())

let () =
  let case name f = Alcotest.test_case name `Quick f in
  Alcotest.run "dlwt keyed tasks"
    [
      ( "called",
        [
          case "cancelled" (with_task cancel);
          case "cancelled by what depends on it" (with_task from_dependent);
          case "cancelled when returned to bind" (with_task returned_to_bind);
          case "its exception goes to the hook" raises;
        ] );
      ( "not called",
        [
          case "resolved" (with_task resolved);
          case "rejected with Canceled" (with_task rejected);
          case "shielded" (with_task shielded);
          case "another domain" (with_task elsewhere);
        ] );
    ]
