(* Faults of the earlier, single-domain ocaml-lwt-interop. Each test's name says what happens now, its
   comment what happened there. *)

open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

(* There: SIGABRT, which OCaml cannot catch. *)
let a_second_domain () =
  let calls () =
    let* () = Rust.my_async_func () in
    let* text = Rust.yield_n 3 "pending" in
    Expect.string "a call" "pending" text;
    let* text, _ = Rust.on_tokio "tokio" in
    Expect.string "a call on tokio" "tokio" text;
    Lwt.return (Rust.length "abc", (Domain.self () :> int))
  in
  let me = (Domain.self () :> int) in
  with_other (fun { handle; id; _ } ->
      let* here = calls () and* there = Handle.spawn handle calls in
      Expect.that "calls on one domain" (here = (3, me));
      Expect.that "calls on a second domain, at the same time" (there = (3, id));
      Lwt.return_unit)

(* There: the promise is never resolved. *)
let a_panic () =
  let panicked what message p =
    let* e = Expect.rejected what p in
    Expect.panicked what ~place:"failures.rs:" ~message e;
    Lwt.return_unit
  in
  let* () = panicked "at once" "in the stub" (Rust.panics 0) in
  let* () = panicked "later" "in a poll" (Rust.panics 1) in
  let* () = panicked "on tokio" "on tokio" (Rust.panics_tokio ()) in
  let* text = Rust.yield_n 3 "still working" in
  Expect.string "the domain still works" "still working" text;
  Lwt.return_unit

(* There: of 1000 cancelled futures, none is dropped. *)
let a_cancelled_call () =
  let tag = tag () in
  let calls = List.init 1000 (fun _ -> Rust.never tag) in
  let* (_ : string) = Rust.yield_n 3 "" in
  Expect.int "futures before" 1000 (Rust.futures_alive tag);
  List.iter Lwt.cancel calls;
  Expect.int "futures after" 0 (Rust.futures_alive tag);
  Lwt_list.iter_p (Expect.cancelled "each") calls

exception Own of string ref

(* There: Rust panics, the exception's text is lost, and the caller hangs. *)
let a_callback_that_raises () =
  let mine = Own (ref "mine") in
  let e =
    Expect.raised "in a stub" (fun () -> Rust.call_sync (fun _ _ -> raise mine) 1)
  in
  Expect.that "the same exception, from a stub" (e == mine);
  let* e = Expect.rejected "in a task" (Rust.call_from_task (fun _ _ -> raise mine) 1) in
  Expect.that "the same exception, from a task" (e == mine);
  let* e = Expect.rejected "by the loop" (Rust.call_async (fun _ -> raise mine) 1) in
  Expect.that "the same exception, from the loop" (e == mine);
  Lwt.return_unit

(* There: the promise is pending for ever. *)
let a_dropped_resolver () =
  let dropped what p =
    let* e = Expect.rejected what p in
    match e with
    | Lwt_interop.Rust_error { message; _ } ->
        Expect.contains what ~part:"dropped without" message;
        Lwt.return_unit
    | e -> raise e
  in
  let* () = dropped "on its domain" (Rust.promise_dropped ()) in
  let tag = tag () in
  let p = Rust.promise_kept tag in
  Rust.drop_kept tag;
  dropped "on a thread" p

(* There: all work goes to Domain 0, and the caller's loop stands still. Here each target blocks
   until the caller's loop opens the gate, so that a caller that waited would hang. *)
let work_for_a_domain () =
  with_other (fun one ->
      with_other (fun two ->
          let gate = Atomic.make false and held = Atomic.make 0 in
          let open_gate () = Atomic.set gate true in
          let hold other =
            let wait () =
              Atomic.incr held;
              Expect.eventually_blocking (fun () -> Atomic.get gate)
            in
            Expect.that "the domain accepts the message" (Handle.post other.handle wait)
          in
          List.iter hold [ one; two ];
          (* If a check fails, the domains still have to terminate. *)
          Fun.flip Lwt.finalize (fun () -> Lwt.return (open_gate ())) @@ fun () ->
          let* () = Expect.eventually (fun () -> Atomic.get held = 2) in
          let ask other =
            [
              ("a task", other.id, Lwt.map fst (Rust.task_on other.id));
              ("call_blocking", other.id, Rust.closure_from_blocking_pool other.id);
            ]
          in
          let asked = ask one @ ask two in
          let* () = Lwt_unix.sleep 0.001 in
          let* text = Rust.yield_n 3 "a call" in
          Expect.string "the loop serves calls" "a call" text;
          let* text, _ = Rust.on_tokio "tokio" in
          Expect.string "the loop serves wake-ups" "tokio" text;
          List.iter
            (fun (what, _, p) -> Expect.that (what ^ " waits") (Lwt.is_sleeping p))
            asked;
          open_gate ();
          Lwt_list.iter_p
            (fun (what, id, p) ->
              let* seen = p in
              Expect.int what id seen;
              Lwt.return_unit)
            asked))

let () =
  Alcotest.run "predecessor"
    (suites
       [
         case "a second domain calls Rust without an abort" a_second_domain;
         case "a panic rejects the promise" a_panic;
         case "Lwt.cancel drops 1000 of 1000 futures" a_cancelled_call;
         case "a callback that raises keeps its exception" a_callback_that_raises;
         case "a dropped resolver rejects its promise" a_dropped_resolver;
         case "work runs on the named domain, and the sender's loop keeps running"
           work_for_a_domain;
       ]
    @ [ ("at the end", [ nothing_left () ]) ])
