(** Benchmarks of promises alone, without a loop. *)

val all : Measure.t list
