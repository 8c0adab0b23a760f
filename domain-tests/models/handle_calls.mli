(** A domain to which two others send work, and which one of them terminates. *)

val tests : QCheck.Test.t list
