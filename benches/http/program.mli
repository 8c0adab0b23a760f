(** What the servers have in common: flags, the socket, and a way to end. *)

val main :
  name:string -> (Lwt_unix.file_descr -> compute:(int -> unit) -> 'a Lwt.t) -> unit
(** [main ~name serve] reads the command line and serves on a socket that listens, until
    the process is told to terminate. [compute us] computes for [us] microseconds. *)
