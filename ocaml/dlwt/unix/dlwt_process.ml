type redirection =
  [ `Keep
  | `Dev_null
  | `Close
  | `FD_copy of Unix.file_descr
  | `FD_move of Unix.file_descr ]

external spawn :
  string -> string array -> string array option -> string option -> int array -> int
  = "dlwt_process_spawn"

(* Numbers as in dlwt_process_stubs.c. *)
let encode : redirection -> int list = function
  | `Keep -> [ 0; -1 ]
  | `Dev_null -> [ 1; -1 ]
  | `Close -> [ 2; -1 ]
  | `FD_copy fd -> [ 3; Dlwt_fd.number fd ]
  | `FD_move fd -> [ 4; Dlwt_fd.number fd ]

(* C would cut them. *)
let refuse_nul s =
  if String.contains s '\000' then raise (Unix.Unix_error (Unix.EINVAL, "spawn", s))

let spawn ?cwd ~stdin ~stdout ~stderr program arguments environment =
  let redirections = [ stdin; stdout; stderr ] in
  try
    refuse_nul program;
    Array.iter refuse_nul arguments;
    Option.iter (Array.iter refuse_nul) environment;
    Option.iter refuse_nul cwd;
    spawn program arguments environment cwd
      (Array.of_list (List.concat_map encode redirections))
  with exn ->
    (* They were given away, and nobody took them. *)
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
         "Lwt_unix.fork: %s. A process that has had a second domain cannot fork: fork \
          before the first Domain.spawn, or start a program with Lwt_process or \
          Lwt_unix.system, which do not need it"
         reason)
