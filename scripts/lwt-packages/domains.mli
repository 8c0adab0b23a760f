val run : ?rounds:int -> (unit -> unit Lwt.t) -> unit
(** [program.exe N] runs the function in [N] domains at once, [rounds] times (30 if not
    given) in each, and fails with the first exception. *)

val listen : unit -> (Lwt_unix.file_descr * int) Lwt.t
(** A socket that listens on 127.0.0.1, and its port. *)

val temporary : string -> string
(** [temporary suffix] is the path of a file that does not exist, which is removed at
    exit. *)
