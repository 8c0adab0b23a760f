open Lwt.Syntax
open Everywhere

(* After each, the domain still works. *)
let and_goes_on body () =
  let* () = body () in
  let* text = Rust.yield_n 2 "still here" in
  Expect.string "the domain goes on" "still here" text;
  let* text, _ = Rust.on_tokio "tokio too" in
  Expect.string "tokio goes on" "tokio too" text;
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
  let e = Expect.raised "sync" Rust.panics_sync in
  Expect.panicked "sync" ~place:"failures.rs:" ~message:"in a sync function" e;
  Lwt.return_unit

(* Each time, since what is refused has not been accepted. *)
let refused_types () =
  let refused what ~part e =
    match e with
    | Lwt_interop.Rust_panic p ->
        Expect.contains what ~part p.message;
        Lwt.return_unit
    | e -> Expect.failf "%s: %s" what (Printexc.to_string e)
  in
  let both () =
    let* e = Expect.rejected "a reference" (Rust.takes_hidden_reference (1, "text")) in
    let* () = refused "a reference" ~part:"owned types" e in
    let e =
      Expect.raised "sync" (fun () -> Rust.takes_hidden_reference_sync (1, "text"))
    in
    let* () = refused "a reference, sync" ~part:"owned types" e in
    let* e = Expect.rejected "a result" (Rust.gives_raising_result ()) in
    refused "a result" ~part:"#[func(raise)]" e
  in
  let* () = both () in
  both ()

let on_tokio () =
  let* () = rejected "tokio" "on tokio" (Rust.panics_tokio ()) in
  rejected "blocking" "on the blocking pool" (Rust.panics_blocking ())

let odd_ones () =
  let* () =
    rejected "no text" "a value that is not a string" (Rust.panics_with_value ())
  in
  rejected "an error's text" "in an error's text" (Rust.fails_to_fail ())

let over_an_exception () =
  let f () = failwith "the callback's own" in
  let* e = Expect.rejected "over an exception" (Rust.panics_over_exception f) in
  match e with
  | Lwt_interop.Rust_panic { message; _ } ->
      Expect.contains "the message" ~part:"the callback's own" message;
      Lwt.return_unit
  | e -> raise e

(* A panic of Rust's goes through OCaml as an exception, and through Rust again. *)
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

let in_a_cancelled_one () =
  let tag = tag () in
  let p = Rust.never_bomb tag in
  let* (_ : string) = Rust.yield_n 3 "" in
  Lwt.cancel p;
  let* () = Expect.cancelled "polled before" p in
  let* (_ : string) = Rust.yield_n 3 "" in
  Expect.int "dropped" 0 (Rust.futures_alive tag);
  let p = Rust.never_bomb tag in
  Lwt.cancel p;
  let* () = Expect.cancelled "not polled before" p in
  let* (_ : string) = Rust.yield_n 3 "" in
  Expect.int "dropped, too" 0 (Rust.futures_alive tag);
  let p = Rust.never_bomb_tokio tag in
  let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 1) in
  Lwt.cancel p;
  let* () = Expect.cancelled "on tokio" p in
  Expect.eventually (fun () -> Rust.futures_alive tag = 0)

let on_another_domain () =
  with_other (fun { id; _ } ->
      let told where message =
        let* text = Rust.panic_elsewhere id where in
        Expect.contains "message" ~part:message text;
        Expect.contains "location" ~part:"domains.rs:" text;
        Lwt.return_unit
      in
      let* () = told 0 "in the factory" in
      let* () = told 1 "in the task" in
      let* () = told 2 "in the closure" in
      let* seen, _ = Rust.visit id in
      Expect.int "the other domain goes on" id seen;
      Lwt.return_unit)

(* What wakes goes on, and so does what is waited for: a promise's loop, another domain's. *)
let in_a_waker () =
  with_other (fun { id; _ } ->
      let p, u = Lwt.wait () and both_done, v = Lwt.wait () in
      let call = Rust.wakers_that_panic p id both_done in
      Lwt.wakeup_later u ();
      let* (_ : string) = Rust.yield_n 3 "" in
      let* seen, _ = Rust.visit id in
      Expect.int "the other domain goes on" id seen;
      Lwt.wakeup_later v ();
      let* answered = call in
      Expect.that "both were there" answered;
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
    case "in a call" (and_goes_on in_a_call);
    case "in a synchronous function" (and_goes_on synchronous);
    case "on tokio" (and_goes_on on_tokio);
    case "odd ones" (and_goes_on odd_ones);
    case "types that hide references, or raise, are refused" (and_goes_on refused_types);
    case "over an exception" (and_goes_on over_an_exception);
    case "through OCaml" (and_goes_on through_ocaml);
    case "in a cancelled call's destructor" (and_goes_on in_a_cancelled_one);
    case "on another domain" (and_goes_on on_another_domain);
    case "in a waker" (and_goes_on in_a_waker);
    case "many at once" (and_goes_on (many (scaled ~scale 300)));
  ]
