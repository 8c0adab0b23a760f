(** Costs by the number of watched descriptors. *)

val benches : Benches_harness.Bench.t list
