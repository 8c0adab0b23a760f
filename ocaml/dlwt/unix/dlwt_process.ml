type redirection =
  [ `Keep
  | `Dev_null
  | `Close
  | `FD_copy of Unix.file_descr
  | `FD_move of Unix.file_descr ]

external spawn :
  string -> string array -> string array option -> string option -> int array -> int
  = "dlwt_process_spawn"

(* The numbers of [enum redirection] in dlwt_process_stubs.c. *)
let encode : redirection -> int list = function
  | `Keep -> [ 0; -1 ]
  | `Dev_null -> [ 1; -1 ]
  | `Close -> [ 2; -1 ]
  | `FD_copy fd -> [ 3; Dlwt_fd.number fd ]
  | `FD_move fd -> [ 4; Dlwt_fd.number fd ]

(* C's strings end at the first NUL byte. *)
let check_no_nul s =
  if String.contains s '\000' then raise (Unix.Unix_error (Unix.EINVAL, "spawn", s))

(* Children whose domains have terminated. The lock protects changes and is also held while a
   process is started: its id may be that of an orphan that someone else has waited for. *)
let orphans : int list Atomic.t = Atomic.make []
let lock = Mutex.create ()

let is_running pid =
  match Unix.waitpid [ WNOHANG ] pid with
  | number, _ -> number = 0
  | exception Unix.Unix_error _ -> false

let update_orphans f = Atomic.set orphans (f (Atomic.get orphans))

let reap () =
  if Atomic.get orphans <> [] then
    Mutex.protect lock (fun () -> update_orphans (List.filter is_running))

let abandon pids =
  (* The others stand for any child, or for a process group. *)
  let pids = List.filter (fun pid -> pid > 0) pids in
  if pids <> [] then (
    Mutex.protect lock (fun () -> update_orphans (List.rev_append pids));
    reap ())

let start program arguments environment cwd redirections =
  reap ();
  Mutex.protect lock (fun () ->
      let pid = spawn program arguments environment cwd redirections in
      match update_orphans (List.filter (( <> ) pid)) with
      | () -> pid
      | exception exn ->
          (* Nobody else will wait for it. *)
          update_orphans (List.cons pid);
          raise exn)

let spawn ?cwd ~stdin ~stdout ~stderr program arguments environment =
  let redirections = [ stdin; stdout; stderr ] in
  try
    check_no_nul program;
    Array.iter check_no_nul arguments;
    Option.iter (Array.iter check_no_nul) environment;
    Option.iter check_no_nul cwd;
    start program arguments environment cwd
      (Array.of_list (List.concat_map encode redirections))
  with exn ->
    (* The caller has given these descriptors away, and no process has taken them. *)
    List.iter
      (function
        | `FD_move fd -> ( try Unix.close fd with Unix.Unix_error _ -> ()) | _ -> ())
      redirections;
    raise exn

let shell command =
  spawn ~stdin:`Keep ~stdout:`Keep ~stderr:`Keep "/bin/sh"
    [| "/bin/sh"; "-c"; command |]
    None

let fork () =
  try Unix.fork ()
  with Failure reason ->
    failwith
      (Printf.sprintf
         "Lwt_unix.fork: %s. A process that has ever had a second domain cannot fork: \
          fork before the first Domain.spawn, or start a program with Lwt_process or \
          Lwt_unix.system, which do not use fork"
         reason)
