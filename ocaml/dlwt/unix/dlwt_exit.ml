(* How long a busy initial domain is waited for, in seconds. *)
let patience = 2.
let in_loop = Atomic.make false

let running run p =
  if Dlwt_rt.is_main () then (
    Atomic.set in_loop true;
    Fun.protect ~finally:(fun () -> Atomic.set in_loop false) (fun () -> run p))
  else run p

(* The write ends of the pipes on which domains wait. *)
let waiting : Unix.file_descr list Atomic.t = Atomic.make []

let rec add fd =
  let fds = Atomic.get waiting in
  if not (Atomic.compare_and_set waiting fds (fd :: fds)) then add fd

let serve () =
  Dlwt_rt.run_exit_actions ~up_to:Dlwt_rt.hooks_priority;
  List.iter Unix.close (Atomic.exchange waiting [])

let request = Dlwt_mailbox.make serve

let rec wait_readable fd ~until =
  let left = until -. Unix.gettimeofday () in
  if left > 0. then
    try ignore (Unix.select [ fd ] [] [] left)
    with Unix.Unix_error (Unix.EINTR, _, _) -> wait_readable fd ~until

let ask_main () =
  let answer, done_ = Unix.pipe ~cloexec:true () in
  add done_;
  Dlwt_mailbox.send request;
  wait_readable answer ~until:(Unix.gettimeofday () +. patience);
  Unix.close answer

(* Domains that end without [exit] do not come here. *)
let () =
  Stdlib.at_exit (fun () ->
      if (not (Dlwt_rt.is_main ())) && Atomic.get in_loop then
        try ask_main () with Unix.Unix_error _ -> ())
