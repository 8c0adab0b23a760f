open Lwt.Syntax
open Benches_harness
module Handle = Lwt_interop.Handle

let counts = [ 1_000; 10_000; 100_000; 1_000_000 ]
let ns seconds = 1e9 *. seconds

let rec until_set flag =
  if Atomic.get flag then Lwt.return_unit
  else
    let* () = Lwt_unix.sleep 0.001 in
    until_set flag

(* Calls [step] until [is_over]. The result is the longest time between two calls, in seconds of
   [clock]. *)
let longest_gap clock is_over step =
  let longest = ref 0. and last = ref (clock ()) in
  while not (is_over ()) do
    step ();
    let now = clock () in
    longest := Float.max !longest (now -. !last);
    last := now
  done;
  !longest

(* [count] messages wait when the loop starts to run. *)
let messages count =
  Bench.metric ~unit:"ns" ~rounds:3 (Bench.point "messages_longest_step" count)
    (fun ~quick () ->
      let count = if quick then 100 else count in
      let h = Lwt_main.run (Lwt.map Handle.current (Lwt.pause ())) in
      let received = ref 0 in
      Domain.join
        (Domain.spawn (fun () ->
             for _ = 1 to count do
               ignore (Handle.post h (fun () -> incr received) : bool)
             done));
      Gc.full_major ();
      (* An iteration of the loop is what other work of the domain waits for. No other domain runs, so
         the process's CPU time is the loop's. *)
      ns
        (longest_gap Sys.time
           (fun () -> !received = count)
           (fun () -> Lwt_main.run (Lwt.pause ()))))

(* A domain terminates while [count] of its calls are pending. Another one collects meanwhile. *)
let pending_calls count =
  Bench.metric ~unit:"ns" ~rounds:3 (Bench.point "termination_longest_standstill" count)
    (fun ~quick () ->
      let count = if quick then 100 else count in
      let is_ready = Atomic.make false and may_end = Atomic.make false in
      let has_ended = Atomic.make false in
      let domain =
        Domain.spawn (fun () ->
            let pending = Array.init count (fun _ -> Rust.never ()) in
            Gc.full_major ();
            Atomic.set is_ready true;
            Lwt_main.run (until_set may_end);
            ignore (Sys.opaque_identity pending : unit Lwt.t array))
      in
      let ended =
        Domain.spawn (fun () ->
            Domain.join domain;
            Atomic.set has_ended true)
      in
      while not (Atomic.get is_ready) do
        Unix.sleepf 0.001
      done;
      let longest =
        longest_gap Unix.gettimeofday
          (fun () ->
            Atomic.set may_end true;
            Atomic.get has_ended)
          Gc.minor
      in
      Domain.join ended;
      ns longest)

let benches = List.map messages counts @ List.map pending_calls counts
