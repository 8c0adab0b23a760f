(* How long the caller of [exit] waits for a busy initial domain, in seconds. *)
let timeout = 2.
let this_thread () = Thread.id (Thread.self ())

(* The thread that runs the initial domain's loop, if there is one. *)
let loop_thread = Atomic.make None

(* No exception can be raised between a change here and its handler: these functions
   neither allocate nor poll. *)
let[@inline] begin_loop ~is_main thread =
  if is_main then Atomic.exchange loop_thread thread else None

let[@inline] end_loop ~is_main ~running before =
  if is_main then Atomic.set loop_thread before;
  Atomic.set running false

let with_loop ~running run p =
  let thread = Some (this_thread ()) in
  (* An effect handler may end it in another domain. *)
  let is_main = Dlwt_rt.is_main () in
  if not (Atomic.compare_and_set running false true) then
    failwith "Nested calls to Lwt_main.run are not allowed";
  let before = begin_loop ~is_main thread in
  match run p with
  | v ->
      end_loop ~is_main ~running before;
      v
  | exception exn ->
      end_loop ~is_main ~running before;
      raise exn

(* Requests are numbered. An answer is for all requests up to its number. *)
let requested = Atomic.make 0
let answered = Atomic.make 0

(* The hooks run a loop, which may receive further requests: those are answered when
   the hooks have run. *)
let in_hooks = ref false

let answer_requests () =
  if not !in_hooks then (
    in_hooks := true;
    Dlwt_rt.run_exit_actions ~up_to:Dlwt_rt.hooks_priority;
    in_hooks := false;
    Atomic.set answered (Atomic.get requested))

let request = Dlwt_mailbox.make answer_requests

(* Polls, which is simple and good enough for a process that is about to exit. *)
let main_has_run_hooks () =
  let number = Atomic.fetch_and_add requested 1 + 1 in
  Dlwt_mailbox.send request;
  let deadline = Unix.gettimeofday () +. timeout in
  let rec wait () =
    Atomic.get answered >= number
    || Unix.gettimeofday () < deadline
       &&
       (Unix.sleepf 0.002;
        wait ())
  in
  wait ()

(* Written by the initial domain before the first [Domain.spawn]. *)
let fallbacks : (unit -> unit) list Atomic.t = Atomic.make []
let register_fallback f = Atomic.set fallbacks (f :: Atomic.get fallbacks)

(* Runs only if a domain calls [exit]. OCaml calls each function of [Stdlib.at_exit] once
   in a process, so it registers itself for the next domain that exits. *)
let rec on_exit () =
  Stdlib.at_exit on_exit;
  let in_other_thread =
    match Atomic.get loop_thread with
    | None -> false
    | Some thread -> thread <> this_thread ()
  in
  if Dlwt_rt.is_main () && in_other_thread then Dlwt_rt.skip_exit_actions ();
  let hooks_will_run =
    if in_other_thread then main_has_run_hooks () else Dlwt_rt.is_main ()
  in
  if not hooks_will_run then List.iter (fun f -> f ()) (Atomic.get fallbacks)

let () = Stdlib.at_exit on_exit

let write_all fd text =
  let length = Bytes.length text in
  let rec write_from start =
    if start < length then
      match Unix.single_write fd text start (length - start) with
      | n -> write_from (start + n)
      | exception Unix.Unix_error (EINTR, _, _) -> write_from start
      | exception Unix.Unix_error ((EAGAIN | EWOULDBLOCK), _, _) -> (
          match Unix.select [] [ fd ] [] timeout with
          | _, [], _ -> ()
          | _ -> write_from start)
  in
  try write_from 0 with Unix.Unix_error _ -> ()
