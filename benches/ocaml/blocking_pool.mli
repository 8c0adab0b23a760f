(** The blocking pool of Domain 0. *)

val benches : Benches_harness.Bench.t list
