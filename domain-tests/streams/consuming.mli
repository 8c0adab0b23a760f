(** Consumers and derived streams. *)

val cases : Everywhere.case list
