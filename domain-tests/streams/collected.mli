(** Streams that nobody refers to. *)

val cases : Everywhere.case list
