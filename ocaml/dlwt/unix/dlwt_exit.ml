(* How long a busy initial domain is waited for, in seconds. *)
let patience = 2.
let in_loop = Atomic.make false

let running run p =
  if Dlwt_rt.is_main () then (
    Atomic.set in_loop true;
    Fun.protect ~finally:(fun () -> Atomic.set in_loop false) (fun () -> run p))
  else run p

(* Requests are numbered; an answer is for all up to its number. *)
let asked = Atomic.make 0
let answered = Atomic.make 0

let serve () =
  let number = Atomic.get asked in
  Dlwt_rt.run_exit_actions ~up_to:Dlwt_rt.hooks_priority;
  Atomic.set answered number

let request = Dlwt_mailbox.make serve

(* The process is ending: looking every few milliseconds is simplest. *)
let ask_main () =
  let number = Atomic.fetch_and_add asked 1 + 1 in
  Dlwt_mailbox.send request;
  let until = Unix.gettimeofday () +. patience in
  while Atomic.get answered < number && Unix.gettimeofday () < until do
    Unix.sleepf 0.002
  done

(* Domains that end without [exit] do not come here. *)
let () =
  Stdlib.at_exit (fun () ->
      if (not (Dlwt_rt.is_main ())) && Atomic.get in_loop then ask_main ())
