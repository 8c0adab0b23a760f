(* [Signals.wait], on every kind of domain; programs that stop on a signal. *)

open Lwt.Syntax
open Everywhere
module Signals = Lwt_interop.Signals

let send signal = Unix.kill (Unix.getpid ()) signal

(* [(usr1, usr2)] says for each of the two signals if the process has a handler. *)
let handled () =
  let status = In_channel.with_open_text "/proc/self/status" In_channel.input_all in
  let set = Processes.signals "SigCgt" status in
  let has number = Int64.logand set (Int64.shift_left 1L (number - 1)) <> 0L in
  (has 10, has 12)

let no_handlers what = Expect.that what (handled () = (false, false))

let first () =
  let received = Signals.wait [ Sys.sigusr1; Sys.sigusr2 ] in
  Expect.that "both have handlers" (handled () = (true, true));
  send Sys.sigusr2;
  let+ signal = received in
  Expect.int "the signal" Sys.sigusr2 signal;
  no_handlers "no handlers afterwards"

let all_waiters () =
  let one = Signals.wait [ Sys.sigusr1 ] and two = Signals.wait [ Sys.sigusr1 ] in
  let cancelled = Signals.wait [ Sys.sigusr1; Sys.sigusr2 ] in
  Lwt.cancel cancelled;
  Expect.that "the other one's handler" (handled () = (true, false));
  send Sys.sigusr1;
  let+ signals = Lwt.all [ one; two ] in
  Expect.that "both signals" (signals = [ Sys.sigusr1; Sys.sigusr1 ]);
  Expect.that "cancelled" (Lwt.state cancelled = Fail Lwt.Canceled)

let several_domains () =
  with_other (fun other ->
      let waits = Atomic.make false in
      let there =
        Lwt_interop.Handle.spawn other.handle (fun () ->
            let received = Signals.wait [ Sys.sigusr1 ] in
            Atomic.set waits true;
            received)
      in
      let here = Signals.wait [ Sys.sigusr1 ] in
      let rec until_both_wait () =
        if Atomic.get waits then Lwt.return_unit
        else Lwt.bind (Lwt.pause ()) until_both_wait
      in
      let* () = until_both_wait () in
      send Sys.sigusr1;
      let+ signals = Lwt.all [ here; there ] in
      Expect.that "both signals" (signals = [ Sys.sigusr1; Sys.sigusr1 ]))

let terminated_domain () =
  ignore (on_domain (fun () -> Lwt.return (Signals.wait [ Sys.sigusr1 ])) : int Lwt.t);
  no_handlers "no handlers after the domain"

let twice_in_a_turn () =
  let received = Signals.wait [ Sys.sigusr1; Sys.sigusr2 ] in
  send Sys.sigusr1;
  send Sys.sigusr2;
  let* signal = received in
  let+ () = Lwt.pause () in
  Expect.that "one of them" (List.mem signal [ Sys.sigusr1; Sys.sigusr2 ]);
  no_handlers "no handlers afterwards"

(* A callback that waits for the same signal again gets the next one. *)
let again () =
  let received = ref 0 in
  let rec wait () =
    let* (_ : int) = Signals.wait [ Sys.sigusr1 ] in
    incr received;
    if !received > 100 then Expect.failf "one signal is received again and again";
    wait ()
  in
  let waiting = List.init 3 (fun _ -> wait ()) in
  let receive n =
    send Sys.sigusr1;
    let* () = Expect.eventually (fun () -> !received >= n) in
    let* () = Lwt_unix.sleep 0.01 in
    Expect.int "received by each" n !received;
    Lwt.return_unit
  in
  let* () = receive 3 in
  let+ () = receive 6 in
  List.iter Lwt.cancel waiting;
  no_handlers "no handlers afterwards"

exception Own

(* A callback that raises keeps no other promise from being fulfilled. *)
let raising () =
  let one = Signals.wait [ Sys.sigusr1 ] and two = Signals.wait [ Sys.sigusr1 ] in
  List.iter (fun p -> Lwt.on_success p (fun _ -> raise Own)) [ one; two ];
  send Sys.sigusr1;
  Dlwt.set_async_exception_hook (Some raise);
  let raises () =
    match Lwt_main.run (Lwt_unix.sleep 60.) with
    | () -> Expect.failf "a callback does not raise"
    | exception Own -> ()
  in
  raises ();
  raises ();
  Dlwt.set_async_exception_hook None;
  let signals = Lwt_main.run (Lwt.all [ one; two ]) in
  Expect.that "both signals" (signals = [ Sys.sigusr1; Sys.sigusr1 ]);
  no_handlers "no handlers afterwards"

let refused what signals is_expected =
  match Signals.wait signals with
  | _ -> Expect.failf "%s is accepted" what
  | exception e when is_expected e -> no_handlers (what ^ ": no handlers afterwards")

let misuse () =
  let is_invalid = function Invalid_argument _ -> true | _ -> false in
  refused "no signal" [] is_invalid;
  refused "a number that is no signal" [ Sys.sigusr1; 1000 ] is_invalid;
  refused "SIGKILL" [ Sys.sigusr1; Sys.sigkill ] (function
    | Unix.Unix_error (EINVAL, _, _) -> true
    | _ -> false);
  Lwt.return_unit

(* ---- programs that stop on a signal *)

let program = function
  | "stops" ->
      Lwt_interop.run ~domains:1 (fun () ->
          let stop = Signals.wait [ Sys.sigterm; Sys.sigint ] in
          print_endline "ready";
          let+ signal = stop in
          print_endline (if signal = Sys.sigint then "SIGINT" else "another signal"))
  | "stops slowly" ->
      Lwt_main.run
        (let stop = Signals.wait [ Sys.sigterm ] in
         print_endline "ready";
         let* _signal = stop in
         print_endline "stopping";
         fst (Lwt.wait ()))
  | other -> invalid_arg other

(* Sends a signal for each line that the program prints, and returns its last line and status. *)
let run name signals =
  let ((pid, lines) as process) = Processes.(start (program name)) in
  let next signal =
    ignore (input_line lines : string);
    Unix.kill pid signal
  in
  List.iter next signals;
  Processes.finish process

let stops () =
  let text, status = run "stops" [ Sys.sigint ] in
  Expect.string "its output" "SIGINT\n" text;
  Expect.that "it exits" (status = Unix.WEXITED 0)

let is_killed () =
  let _, status = run "stops slowly" [ Sys.sigterm; Sys.sigterm ] in
  Expect.that "it is killed" (status = Unix.WSIGNALED Sys.sigterm)

let programs =
  [
    plain "a program stops on a signal" stops;
    plain "a callback raises" raising;
    plain "a second signal kills a program that does not stop" is_killed;
  ]

let () =
  match Sys.argv with
  | [| _; "program"; name |] -> program name
  | _ ->
      let cases =
        [
          alone "the first of several signals" first;
          alone "all promises get a signal, unless they were cancelled" all_waiters;
          alone "several domains get a signal" several_domains;
          alone "two signals at once are one" twice_in_a_turn;
          alone "a callback waits for the next signal" again;
          alone "what cannot be waited for" misuse;
        ]
      in
      Alcotest.run ~and_exit:true "signals"
        (suites cases
        @ [
            ( "programs",
              plain "a domain that terminates waits for no signal" terminated_domain
              :: programs );
            ("at the end", [ nothing_left () ]);
          ])
