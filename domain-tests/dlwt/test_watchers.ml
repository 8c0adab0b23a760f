(* [Dlwt.watch]: callbacks that can be removed. *)

open Lwt.Infix
open Support

(* [f] gets a promise, its resolver, and what watchers have seen, the latest first. *)
let with_promise f () =
  let seen = ref [] in
  let p, u = Lwt.task () in
  f p u seen

let watch ?(name = "") p seen =
  let watcher = Dlwt.watcher () in
  Dlwt.watch watcher p (fun outcome ->
      let text =
        match outcome with Ok n -> string_of_int n | Error e -> Printexc.to_string e
      in
      seen := (name ^ text) :: !seen);
  watcher

let saw seen expected = Alcotest.(check (list string)) "seen" expected !seen

let fulfilled p u seen =
  let _ = watch p seen in
  saw seen [];
  Lwt.wakeup u 7;
  saw seen [ "7" ]

let rejected p u seen =
  let _ = watch p seen in
  Lwt.wakeup_exn u Exit;
  saw seen [ "Stdlib.Exit" ]

let cancelled p _ seen =
  let _ = watch p seen in
  Lwt.cancel p;
  saw seen [ Printexc.to_string Lwt.Canceled ]

let resolved_before () =
  let seen = ref [] in
  let _ = watch (Lwt.return 1) seen in
  let _ = watch (Lwt.fail Exit) seen in
  saw seen [ "Stdlib.Exit"; "1" ]

(* Lwt calls callbacks in any order. *)
let with_others p u seen =
  let add name = ignore (watch ~name p seen : int Dlwt.watcher) in
  add "a";
  Lwt.on_success p (fun _ -> seen := "on_success" :: !seen);
  add "b";
  Lwt.wakeup u 1;
  Alcotest.(check (list string))
    "seen" [ "a1"; "b1"; "on_success" ] (List.sort compare !seen)

(* The promise is then the same one as that which [bind] returned. *)
let of_a_proxy p u seen =
  let start, go = Lwt.wait () in
  let outer = start >>= fun () -> p in
  let of_outer = watch ~name:"outer" outer seen and of_p = watch ~name:"p" p seen in
  let _ = watch ~name:"kept" p seen in
  Lwt.wakeup go ();
  Dlwt.unwatch of_outer;
  Dlwt.unwatch of_p;
  Lwt.wakeup u 1;
  saw seen [ "kept1" ]

let removed p u seen =
  let watcher = watch ~name:"removed" p seen in
  let _ = watch ~name:"kept" p seen in
  Dlwt.unwatch watcher;
  Dlwt.unwatch watcher;
  Lwt.wakeup u 1;
  Dlwt.unwatch watcher;
  saw seen [ "kept1" ]

(* Whichever is called first removes the other. *)
let removed_by_another p u seen =
  let a = Dlwt.watcher () and b = Dlwt.watcher () in
  let watch watcher other =
    Dlwt.watch watcher p (fun _ ->
        Dlwt.unwatch other;
        seen := "first" :: !seen)
  in
  watch a b;
  watch b a;
  Lwt.wakeup u 1;
  saw seen [ "first" ]

let unused () = Dlwt.unwatch (Dlwt.watcher ())

(* Waits that end leave nothing in a promise that goes on. *)
let no_leak p u seen =
  let words () = Obj.reachable_words (Obj.repr p) in
  let round () = Dlwt.unwatch (watch p seen) in
  for _ = 1 to 100 do
    round ()
  done;
  let before = words () in
  for _ = 1 to 10_000 do
    round ()
  done;
  check "no larger" (words () <= before + 500);
  Lwt.wakeup u 1;
  saw seen []

let elsewhere p u seen =
  let owner = domain () in
  let watcher = watch ~name:"kept" p seen in
  Domain.join
    (Domain.spawn (fun () ->
         refused ~what:"watch" ~owner (fun () -> ignore (watch p seen : int Dlwt.watcher));
         refused ~what:"unwatch" ~owner (fun () -> Dlwt.unwatch watcher)));
  Lwt.wakeup u 1;
  saw seen [ "kept1" ]

let () =
  let case name f = Alcotest.test_case name `Quick f in
  Alcotest.run "dlwt watchers"
    [
      ( "called once",
        [
          case "fulfilled" (with_promise fulfilled);
          case "rejected" (with_promise rejected);
          case "cancelled" (with_promise cancelled);
          case "resolved before" resolved_before;
          case "with other callbacks" (with_promise with_others);
          case "a promise that becomes another" (with_promise of_a_proxy);
        ] );
      ( "not called",
        [
          case "removed" (with_promise removed);
          case "removed while callbacks run" (with_promise removed_by_another);
          case "unused" unused;
          case "nothing is left" (with_promise no_leak);
          case "another domain" (with_promise elsewhere);
        ] );
    ]
