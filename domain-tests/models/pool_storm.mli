(** A pool that several domains use, itself among them, while it is shut down. *)

val tests : QCheck.Test.t list
