(* How long a busy initial domain is waited for, in seconds. *)
let patience = 2.

(* The thread that runs the initial domain's loop, if there is one. *)
let loop = Atomic.make None
let me () = Thread.id (Thread.self ())

let running run p =
  if Dlwt_rt.is_main () then
    let before = Atomic.exchange loop (Some (me ())) in
    Fun.protect ~finally:(fun () -> Atomic.set loop before) (fun () -> run p)
  else run p

(* Requests are numbered; an answer is for all up to its number. *)
let asked = Atomic.make 0
let answered = Atomic.make 0

(* The hooks run a loop, which delivers further requests: those wait for the
   first to be done. *)
let serving = ref false

let serve () =
  if not !serving then (
    serving := true;
    Dlwt_rt.run_exit_actions ~up_to:Dlwt_rt.hooks_priority;
    serving := false;
    Atomic.set answered (Atomic.get asked))

let request = Dlwt_mailbox.make serve

(* The process is ending: looking every few milliseconds is simplest. *)
let main_has_answered () =
  let number = Atomic.fetch_and_add asked 1 + 1 in
  Dlwt_mailbox.send request;
  let until = Unix.gettimeofday () +. patience in
  let rec wait () =
    Atomic.get answered >= number
    || Unix.gettimeofday () < until
       &&
       (Unix.sleepf 0.002;
        wait ())
  in
  wait ()

(* Written by the initial domain, while it is alone. *)
let last_resorts : (unit -> unit) list Atomic.t = Atomic.make []
let last_resort f = Atomic.set last_resorts (f :: Atomic.get last_resorts)

(* Domains that end without [exit] do not come here. OCaml calls each function
   once in a process: be there for the next domain that exits, too. *)
let rec on_exit () =
  Stdlib.at_exit on_exit;
  let loop = Atomic.get loop in
  let elsewhere = Option.fold loop ~none:false ~some:(( <> ) (me ())) in
  if Dlwt_rt.is_main () && elsewhere then Dlwt_rt.leave_running ();
  let lost = if elsewhere then not (main_has_answered ()) else not (Dlwt_rt.is_main ()) in
  if lost then List.iter (fun f -> f ()) (Atomic.get last_resorts)

let () = Stdlib.at_exit on_exit

let write_all fd text =
  let length = Bytes.length text in
  let rec from start =
    if start < length then
      match Unix.single_write fd text start (length - start) with
      | n -> from (start + n)
      | exception Unix.Unix_error (EINTR, _, _) -> from start
      | exception Unix.Unix_error ((EAGAIN | EWOULDBLOCK), _, _) -> (
          match Unix.select [] [ fd ] [] patience with _, [], _ -> () | _ -> from start)
  in
  try from 0 with Unix.Unix_error _ -> ()
