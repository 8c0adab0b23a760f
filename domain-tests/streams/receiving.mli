(** How elements are received, and how streams end, on one domain. *)

val cases : Everywhere.case list
