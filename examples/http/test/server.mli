(** The server, as a process. *)

type t

val run : ?options:string list -> (t -> unit) -> unit
(** [run test] starts a server, calls [test], and stops the server, whose exit code has to
    be 0. *)

val port : t -> int

val peak_memory : t -> int
(** [peak_memory server] is the most memory that it has had, in MB. *)
