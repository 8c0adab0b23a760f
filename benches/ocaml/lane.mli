(** The blocking lane. *)

val benches : Benches_harness.Bench.t list
