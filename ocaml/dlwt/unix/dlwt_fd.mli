(** The number of a descriptor. *)

val number : Unix.file_descr -> int
