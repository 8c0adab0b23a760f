(** Costs by the number of pending calls. *)

val benches : Benches_harness.Bench.t list
