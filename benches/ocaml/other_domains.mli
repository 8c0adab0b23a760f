(** Costs by the number of other domains, and the throughput of two busy domains. *)

val benches : Benches_harness.Bench.t list
