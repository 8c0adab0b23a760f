(** Values that are converted from one language to the other. *)

val benches : Benches_harness.Bench.t list
