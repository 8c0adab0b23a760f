(** Operations one after the other, in a Lwt loop. *)

val keep : int -> unit Lwt.t
(** A continuation that uses its argument. *)

val chain : (unit -> unit Lwt.t) -> int -> unit Lwt.t
(** So many times, each when the one before has ended. *)

val run : in_flight:int -> (unit -> unit Lwt.t) -> int -> unit
(** [run ~in_flight f n] does [f] [n] times in all, in [in_flight] chains. *)
