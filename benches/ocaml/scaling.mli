(** Handlers that compute, on one domain and on two. *)

val benches : Benches_harness.Bench.t list
