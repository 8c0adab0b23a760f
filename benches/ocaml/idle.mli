(** The processor time of idle domains. *)

val benches : Benches_harness.Bench.t list
