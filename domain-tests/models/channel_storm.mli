(** Domains that send, receive, cancel, close and end, as a random scenario has it. *)

val tests : QCheck.Test.t list
