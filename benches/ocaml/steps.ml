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

type item = Nothing | Item of { run : unit -> unit; rest : item Atomic.t }

(* The same number of closures in a list of OCaml's, which the domain takes one by one. What remains is
   the collector's: a slice of a major cycle grows with the heap. *)
let plain_messages count =
  Bench.metric ~unit:"ns" ~rounds:3 (Bench.point "messages_longest_step_plain" count)
    (fun ~quick () ->
      let count = if quick then 100 else count in
      let received = ref 0 and next = ref (Atomic.make Nothing) in
      let fill () =
        let last = ref !next in
        for _ = 1 to count do
          let rest = Atomic.make Nothing in
          Atomic.set !last (Item { run = (fun () -> incr received); rest });
          last := rest
        done
      in
      Domain.join (Domain.spawn fill);
      Gc.full_major ();
      let step () =
        match Atomic.get !next with
        | Nothing -> ()
        | Item { run; rest } ->
            Atomic.set !next Nothing;
            next := rest;
            run ();
            ignore (Sys.opaque_identity (Array.make 8 0))
      in
      let steps () =
        for _ = 1 to 1000 do
          step ()
        done
      in
      ns (longest_gap Sys.time (fun () -> !received = count) steps))

(* A domain terminates while [count] of its calls are pending. Another one collects meanwhile. *)
let standstill name make finish count =
  Bench.metric ~unit:"ns" ~rounds:3 (Bench.point name count) (fun ~quick () ->
      let count = if quick then 100 else count in
      let is_ready = Atomic.make false and may_end = Atomic.make false in
      let has_ended = Atomic.make false in
      let domain =
        Domain.spawn (fun () ->
            let pending = Array.init count (fun _ -> make ()) in
            Gc.full_major ();
            Atomic.set is_ready true;
            Lwt_main.run (until_set may_end);
            Array.iter finish (Sys.opaque_identity pending))
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

let pending_calls = standstill "termination_longest_standstill" Rust.never ignore

(* Promises of Lwt's, which the domain itself rejects at its end. *)
let plain_promises =
  standstill "termination_longest_standstill_plain" Lwt.task (fun ((_ : unit Lwt.t), u) ->
      Lwt.wakeup_exn u Exit)

let benches =
  List.concat_map
    (fun bench -> List.map bench counts)
    [ messages; plain_messages; pending_calls; plain_promises ]
