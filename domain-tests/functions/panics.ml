open Lwt.Syntax
open Everywhere

(* Checks that the domain and tokio still work after [body]. *)
let and_still_works body () =
  let* () = body () in
  let* text = Rust.yield_n 2 "still working" in
  Expect.string "the domain still works" "still working" text;
  let* text, _ = Rust.on_tokio "works too" in
  Expect.string "tokio still works" "works too" text;
  Lwt.return_unit

let rejected what message p =
  let* e = Expect.rejected what p in
  Expect.panicked what ~place:"failures.rs:" ~message e;
  Lwt.return_unit

let in_a_call () =
  let* () = rejected "in the stub" "in the stub" (Rust.panics 0) in
  let* () = rejected "in a poll" "in a poll" (Rust.panics 1) in
  let* () = rejected "in a destructor" "in a destructor" (Rust.panics 2) in
  let* () = rejected "in the result's conversion" "in a conversion" (Rust.panics 3) in
  let* () = rejected "in an argument's conversion" "3 is not even" (Rust.takes_even 3) in
  let* n = Rust.panics 4 in
  Expect.int "no panic" 4 n;
  Lwt.return_unit

let synchronous () =
  let e = Expect.raised "a synchronous function" Rust.panics_sync in
  Expect.panicked "a synchronous function" ~place:"failures.rs:"
    ~message:"in a sync function" e;
  Lwt.return_unit

let on_tokio () =
  let* () = rejected "a task on tokio" "on tokio" (Rust.panics_tokio ()) in
  rejected "a blocking function" "on the blocking pool" (Rust.panics_blocking ())

let unusual_messages () =
  let* () =
    rejected "a payload that is no string" "a value that is not a string"
      (Rust.panics_with_value ())
  in
  rejected "in Display of an error" "in an error's text" (Rust.fails_to_fail ())

let over_an_exception () =
  let f () = failwith "the callback's exception" in
  let* e = Expect.rejected "over an exception" (Rust.panics_over_exception f) in
  match e with
  | Lwt_interop.Rust_panic { message; _ } ->
      Expect.contains "the message" ~part:"the callback's exception" message;
      Lwt.return_unit
  | e -> raise e

(* The panic goes through OCaml as an exception, and then through Rust again. *)
let through_ocaml () =
  let f _ _ =
    Rust.panics_sync ();
    ""
  in
  let e = Expect.raised "through a stub" (fun () -> Rust.call_sync f 1) in
  Expect.panicked "through a stub" ~message:"in a sync function" e;
  let* e = Expect.rejected "through a task" (Rust.call_from_task f 1) in
  Expect.panicked "through a task" ~message:"in a sync function" e;
  let* e = Expect.rejected "through a promise" (Rust.call_async Rust.panics 2) in
  Expect.panicked "through a promise" ~message:"in the stub" e;
  Lwt.return_unit

let in_a_cancelled_call () =
  let tag = tag () in
  let p = Rust.never_with_panicking_drop tag in
  let* (_ : string) = Rust.yield_n 3 "" in
  Lwt.cancel p;
  let* () = Expect.cancelled "a call that was polled" p in
  let* (_ : string) = Rust.yield_n 3 "" in
  Expect.int "futures that were polled" 0 (Rust.futures_alive tag);
  let p = Rust.never_with_panicking_drop tag in
  Lwt.cancel p;
  let* () = Expect.cancelled "a call that was not polled" p in
  let* (_ : string) = Rust.yield_n 3 "" in
  Expect.int "futures that were not polled" 0 (Rust.futures_alive tag);
  let p = Rust.never_with_panicking_drop_tokio tag in
  let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 1) in
  Lwt.cancel p;
  let* () = Expect.cancelled "a call on tokio" p in
  Expect.eventually (fun () -> Rust.futures_alive tag = 0)

let on_another_domain () =
  with_other (fun { id; _ } ->
      let panics where message =
        let* text = Rust.panic_elsewhere id where in
        Expect.contains "its message" ~part:message text;
        Expect.contains "its location" ~part:"domains.rs:" text;
        Lwt.return_unit
      in
      let* () = panics 0 "in the factory" in
      let* () = panics 1 "in the task" in
      let* () = panics 2 "in the closure" in
      let* seen, _ = Rust.task_on id in
      Expect.int "the other domain still works" id seen;
      Lwt.return_unit)

(* The wakers are called by a promise's callback, and by another domain. *)
let in_a_waker () =
  with_other (fun { id; _ } ->
      let p, u = Lwt.wait () and both_done, v = Lwt.wait () in
      let call = Rust.wakers_that_panic p id both_done in
      Lwt.wakeup_later u ();
      let* (_ : string) = Rust.yield_n 3 "" in
      let* seen, _ = Rust.task_on id in
      Expect.int "the other domain still works" id seen;
      Lwt.wakeup_later v ();
      let* answered = call in
      Expect.that "both outcomes have arrived" answered;
      Lwt.return_unit)

let many n () =
  Lwt_list.iter_p
    (fun i ->
      match i mod 3 with
      | 0 -> rejected "many" "in a poll" (Rust.panics 1)
      | 1 -> rejected "many" "on tokio" (Rust.panics_tokio ())
      | _ ->
          let* text = Rust.yield_n 2 "x" in
          Expect.string "between them" "x" text;
          Lwt.return_unit)
    (List.init n Fun.id)

let cases ~scale =
  [
    case "panics: in a stub, a poll, a destructor, a conversion"
      (and_still_works in_a_call);
    case "panics: in a synchronous function" (and_still_works synchronous);
    case "panics: on tokio" (and_still_works on_tokio);
    case "panics: without a string, and in an error's Display"
      (and_still_works unusual_messages);
    case "panics: because of a callback's exception" (and_still_works over_an_exception);
    case "panics: through OCaml" (and_still_works through_ocaml);
    case "panics: in the destructor of a cancelled call"
      (and_still_works in_a_cancelled_call);
    case "panics: on another domain" (and_still_works on_another_domain);
    case "panics: in a waker" (and_still_works in_a_waker);
    case "panics: many at once" (and_still_works (many (scaled ~scale 300)));
  ]
