(** Domains that send work to domains, while these and those end. *)

val tests : QCheck.Test.t list
