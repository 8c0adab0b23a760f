(** Processes, without OCaml's [fork]: that is refused in a process that has had a second
    domain. *)

type redirection =
  [ `Keep
  | `Dev_null
  | `Close
  | `FD_copy of Unix.file_descr
  | `FD_move of Unix.file_descr ]
(** As in [Lwt_process]. *)

val spawn :
  ?cwd:string ->
  stdin:redirection ->
  stdout:redirection ->
  stderr:redirection ->
  string ->
  string array ->
  string array option ->
  int
(** [spawn program arguments environment] starts a process and returns its number. As in
    stock Lwt, a program that cannot be executed shows as exit code 127, and the parent's
    copies of [`FD_move] descriptors are left to the caller. *)

val shell : string -> int
(** [shell command] starts [/bin/sh -c command]. *)

val abandon : int list -> unit
(** Children that their domain waits for no longer, because it ends. They are waited for
    when a domain is told of a child's end, when a process is started and here, so that
    they do not stay as zombies. Numbers that stand for several children are left out. *)

val reap : unit -> unit
(** Waits for those of them that have ended. *)

val fork : unit -> int
(** [Unix.fork], which says what to do instead when it is refused. *)
