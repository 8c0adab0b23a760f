(** Handlers that compute, on one domain and on two, and what they could come to at best. *)

val benches : Benches_harness.Bench.t list
