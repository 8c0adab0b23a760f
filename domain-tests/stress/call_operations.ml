open Lwt.Syntax
open Operation
open Outcome
module Blocking = Lwt_interop.Blocking

(* ---- calls *)

let ready =
  make "ready call" (fun _ choice ->
      let a = Choice.int choice 1000 in
      gives "the sum" (a + 1) (Rust.ready_add a 1))

let yields =
  make "call" (fun _ choice ->
      let text = Choice.text choice in
      gives "the text" text (Rust.yield_n (1 + Choice.int choice 20) text))

let same_value =
  make "value through Rust" (fun _ choice ->
      let mine = ref (Choice.int choice 10) in
      let* found = Any_value.hold mine (Choice.int choice 10) in
      check "the same value" (found == mine) value)

let not_awaited =
  make "call that no one awaits" (fun _ choice ->
      ignore (Rust.yield_n (1 + Choice.int choice 20) "" : string Lwt.t);
      Lwt.return "not awaited")

let on_tokio =
  make "call on tokio" (fun _ choice ->
      let text = Choice.text choice in
      gives "the text" text (Lwt.map fst (Rust.on_tokio text)))

let wake_ups =
  make "wake-ups from tokio" (fun _ choice ->
      let n = 1 + Choice.int choice 50 in
      gives "the sum" (n * (n - 1) / 2) (Rust.wake_ups n))

let tokio_blocking_pool =
  make "tokio's blocking pool" (fun _ choice ->
      let n = Choice.int choice 100 in
      gives "the sum" n (Rust.sum_blocking [| n |]))

let late_wake_up =
  make "late wake-up" (fun _ choice ->
      let* () = Rust.stress_late_wake (Choice.int choice 20_000) in
      Lwt.return value)

(* ---- failures *)

let panic =
  make "panic" (fun _ choice ->
      fails "a panic"
        (match Choice.int choice 6 with
        | 4 -> Rust.panics_tokio ()
        | 5 -> Rust.panics_blocking ()
        | n -> Lwt.map ignore (Rust.panics n))
        is_panic)

let error =
  make "error" (fun _ _ -> fails "a division by 0" (Rust.checked_div_exn 1 0) is_error)

let exception_through =
  make "exception through Rust" (fun _ choice ->
      let mine = Own (ref 0) in
      let raise_later () =
        let* () = a_while choice in
        Lwt.fail mine
      in
      fails "an exception"
        (match Choice.int choice 4 with
        | 0 -> Lwt.map ignore (Rust.call_async (fun _ -> raise mine) 1)
        | 1 -> Lwt.map ignore (Rust.call_async (fun _ -> raise_later ()) 3)
        | 2 -> Lwt.map ignore (Rust.call_from_task (fun _ _ -> raise mine) 3)
        | _ -> Lwt.map ignore (Rust.await_promise (raise_later ())))
        (fun e -> e == mine))

let panicking_destructors =
  make "destructors that panic" (fun self choice ->
      if self.id = 0 || Choice.chance choice 2 then begin
        let p = Rust.never_with_panicking_drop 0 in
        let* () = a_while choice in
        Lwt.cancel p;
        fails "cancelled" p (( = ) Lwt.Canceled)
      end
      else begin
        Rust.spawn_panicking_drops 0 (Choice.int choice 4);
        Lwt.return value
      end)

(* ---- cancelling *)

let cancel =
  make "cancelled call" (fun _ choice ->
      let tag = Everywhere.tag () in
      let p = if Choice.chance choice 2 then Rust.never tag else Rust.never_tokio tag in
      let* () = a_while choice in
      Lwt.cancel p;
      let* _ = fails "cancelled" p (( = ) Lwt.Canceled) in
      let* () = dropped tag in
      Lwt.return cancelled)

let race =
  make "cancelled or not" (fun _ choice ->
      let text = Choice.text choice in
      let p =
        match Choice.int choice 4 with
        | 0 -> Rust.yield_n (Choice.int choice 6) text
        | 1 -> Lwt.map fst (Rust.on_tokio text)
        | 2 -> Rust.promise_from_thread text
        | _ -> Lwt.map (fun _ -> text) (Rust.sum_blocking [||])
      in
      let* () = a_while choice in
      Lwt.cancel p;
      value_or_cancelled (gives "the text" text p))

let pick =
  make "pick" (fun _ choice ->
      let tag = Everywhere.tag () in
      let text = Choice.text choice in
      let winner = Rust.yield_n (Choice.int choice 6) text in
      let loser = Lwt.map (fun () -> "never") (Rust.never tag) in
      let* _ = gives "the winner" text (Lwt.pick [ winner; loser ]) in
      let* () = dropped tag in
      Lwt.return value)

let timeout =
  make "timeout" (fun _ choice ->
      let tag = Everywhere.tag () in
      let seconds = float_of_int (Choice.int choice 2000) *. 1e-6 in
      let work () =
        if Choice.chance choice 2 then Rust.never tag else Rust.never_tokio tag
      in
      let* _ =
        fails "timeout" (Lwt_unix.with_timeout seconds work) (( = ) Lwt_unix.Timeout)
      in
      let* () = dropped tag in
      Lwt.return expected_error)

(* ---- Domain 0's blocking pool *)

let blocking =
  make "Blocking.run" (fun _ choice ->
      let mine = Own (ref 0) in
      let n = Choice.int choice 100 in
      match Choice.int choice 6 with
      | 0 ->
          fails "an exception" (Blocking.run (fun () -> raise mine)) (fun e -> e == mine)
      | 1 -> fails "a panic" (Rust.ocaml_blocking_panics ()) is_panic
      | 2 -> gives "a number" n (Rust.ocaml_blocking (fun () -> n))
      | 3 ->
          let p = Blocking.run (fun () -> Unix.sleepf 0.0002) in
          let* () = pauses (Choice.int choice 3) in
          Lwt.cancel p;
          value_or_cancelled (gives "unit" () p)
      | _ ->
          let job () =
            Unix.sleepf 0.0001;
            (n, (Domain.self () :> int))
          in
          gives "on Domain 0" (n, 0) (Blocking.run job))

let all =
  [
    (ready, 4);
    (yields, 8);
    (same_value, 4);
    (not_awaited, 4);
    (on_tokio, 6);
    (wake_ups, 3);
    (tokio_blocking_pool, 2);
    (late_wake_up, 3);
    (panic, 4);
    (error, 2);
    (exception_through, 4);
    (panicking_destructors, 2);
    (cancel, 6);
    (race, 8);
    (pick, 4);
    (timeout, 4);
    (blocking, 5);
  ]
