(** Promises alone, without a loop. *)

val all : Measure.t list
