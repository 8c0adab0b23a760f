(** Channels between two domains. *)

val benches : Benches_harness.Bench.t list
