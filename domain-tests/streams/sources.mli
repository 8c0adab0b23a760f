(** Streams that are made of other things, and views of streams. *)

val cases : Everywhere.case list
