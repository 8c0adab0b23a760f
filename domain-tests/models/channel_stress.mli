(** Domains that send, receive, cancel, close and terminate, in random scenarios. *)

val tests : QCheck.Test.t list
