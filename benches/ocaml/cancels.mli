(** Calls that are cancelled. *)

val benches : Benches_harness.Bench.t list
