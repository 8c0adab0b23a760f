(* What the single-domain ocaml-lwt-interop was seen to do wrong, each under a name that says
   what happens instead. *)

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
      Expect.that "a domain that calls Rust" (here = (3, me));
      Expect.that "a second one, at the same time" (there = (3, id));
      Lwt.return_unit)

(* There: the promise is never settled. *)
let a_panic () =
  let told what message p =
    let* e = Expect.rejected what p in
    Expect.panicked what ~place:"failures.rs:" ~message e;
    Lwt.return_unit
  in
  let* () = told "at once" "in the stub" (Rust.panics 0) in
  let* () = told "later" "in a poll" (Rust.panics 1) in
  let* () = told "on tokio" "on tokio" (Rust.panics_tokio ()) in
  let* text = Rust.yield_n 3 "still here" in
  Expect.string "the domain goes on" "still here" text;
  Lwt.return_unit

(* There: 1000 cancelled futures, 0 dropped. *)
let a_cancelled_call () =
  let tag = tag () in
  let calls = List.init 1000 (fun _ -> Rust.never tag) in
  let* (_ : string) = Rust.yield_n 3 "" in
  Expect.int "futures" 1000 (Rust.futures_alive tag);
  List.iter Lwt.cancel calls;
  Expect.int "futures that were not dropped" 0 (Rust.futures_alive tag);
  Lwt_list.iter_p (Expect.cancelled "each") calls

exception Own of string ref

(* There: a Rust panic, the exception's text lost, the caller hangs. *)
let a_callback_that_raises () =
  let mine = Own (ref "mine") in
  let e =
    Expect.raised "in a stub" (fun () -> Rust.call_sync (fun _ _ -> raise mine) 1)
  in
  Expect.that "the very exception, from a stub" (e == mine);
  let* e = Expect.rejected "in a task" (Rust.call_from_task (fun _ _ -> raise mine) 1) in
  Expect.that "the very exception, from a task" (e == mine);
  let* e = Expect.rejected "by the loop" (Rust.call_async (fun _ -> raise mine) 1) in
  Expect.that "the very exception, from the loop" (e == mine);
  Lwt.return_unit

(* There: its promise is pending for ever. *)
let a_dropped_resolver () =
  let told what p =
    let* e = Expect.rejected what p in
    match e with
    | Lwt_interop.Rust_error { message; _ } ->
        Expect.contains what ~part:"dropped without" message;
        Lwt.return_unit
    | e -> raise e
  in
  let* () = told "at home" (Rust.promise_dropped ()) in
  let tag = tag () in
  let p = Rust.promise_kept tag in
  Rust.drop_kept tag;
  told "on a thread" p

(* There: the caller's loop stands still, and it is Domain 0 whichever was meant. Here the one
   that was named lets the work wait, until the loop that asked for it says so. *)
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
            Expect.that "it is there" (Handle.post other.handle wait)
          in
          List.iter hold [ one; two ];
          (* Also if it goes wrong, or they would not end. *)
          Fun.flip Lwt.finalize (fun () -> Lwt.return (open_gate ())) @@ fun () ->
          let* () = Expect.eventually (fun () -> Atomic.get held = 2) in
          let ask other =
            [
              ("a task", other.id, Lwt.map fst (Rust.visit other.id));
              ("call_blocking", other.id, Rust.call_from_blocking_pool other.id);
            ]
          in
          let asked = ask one @ ask two in
          let* () = Lwt_unix.sleep 0.001 in
          let* text = Rust.yield_n 3 "a call" in
          Expect.string "the loop serves calls" "a call" text;
          let* text, _ = Rust.on_tokio "tokio" in
          Expect.string "and wake-ups" "tokio" text;
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
         case "a second domain calls Rust: no abort" a_second_domain;
         case "a panic settles the promise" a_panic;
         case "Lwt.cancel drops the future: 1000 of 1000" a_cancelled_call;
         case "a callback that raises keeps its exception" a_callback_that_raises;
         case "a dropped resolver rejects its promise" a_dropped_resolver;
         case "work goes to the domain that was named, and parks no loop"
           work_for_a_domain;
       ]
    @ [ ("at the end", [ settled () ]) ])
