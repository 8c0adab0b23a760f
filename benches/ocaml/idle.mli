(** What a process costs that does nothing. *)

val benches : Benches_harness.Bench.t list
