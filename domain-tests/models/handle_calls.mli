(** A domain that is sent messages by two others, and ended by one of them. *)

val tests : QCheck.Test.t list
