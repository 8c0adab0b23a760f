(** What the loop costs when it watches many descriptors. *)

val benches : Benches_harness.Bench.t list
