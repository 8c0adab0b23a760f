(** The parts that the servers share: the command line, the socket and termination. *)

val main :
  name:string -> (Lwt_unix.file_descr -> compute:(int -> unit) -> 'a Lwt.t) -> unit
(** [main ~name serve] parses the command line and calls [serve] with a listening socket,
    until the process receives SIGTERM. [compute us] computes for [us] microseconds. *)
