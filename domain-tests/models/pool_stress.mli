(** A pool that several domains use, its own among them, while it is shut down. *)

val tests : QCheck.Test.t list
