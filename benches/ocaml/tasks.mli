(** Tasks of a domain's executor. *)

val benches : Benches_harness.Bench.t list
