(** Child processes, started without OCaml's [fork], which OCaml refuses after the first
    [Domain.spawn].

    {[
      let pid =
        Dlwt_process.spawn ~stdin:`Dev_null ~stdout:`Keep ~stderr:`Keep "ls"
          [| "ls"; "-l" |] None
    ]} *)

type redirection =
  [ `Keep
  | `Dev_null
  | `Close
  | `FD_copy of Unix.file_descr
  | `FD_move of Unix.file_descr ]
(** The same as in [Lwt_process]. *)

val spawn :
  ?cwd:string ->
  stdin:redirection ->
  stdout:redirection ->
  stderr:redirection ->
  string ->
  string array ->
  string array option ->
  int
(** [spawn program arguments environment] starts a process and returns its process id. As
    in stock Lwt, the exit code of a program that cannot be executed is 127, and the
    caller has to close the parent's copies of [`FD_move] descriptors; they are closed if
    [spawn] raises. The child inherits the signal mask of the calling thread, unless that
    blocks all signals, as the threads of a pool do: then the child blocks none.

    @raise Unix.Unix_error
      if the process cannot be created, or with [EINVAL] if a string contains a NUL byte.
*)

val shell : string -> int
(** [shell command] starts [/bin/sh -c command] and returns its process id. *)

val abandon : int list -> unit
(** [abandon pids] is for a domain that terminates before its children. So that they do
    not remain zombies, they are waited for here, when a domain is notified of the end of
    a child, and when a process is started. Ids that stand for several children are
    ignored. *)

val reap : unit -> unit
(** Waits for the abandoned children that have terminated. *)

val fork : unit -> int
(** [fork ()] is [Unix.fork ()]. If OCaml refuses, the error says what to do instead. *)
