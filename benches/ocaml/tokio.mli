(** Calls that tokio serves, and calls from tokio into OCaml. *)

val benches : Benches_harness.Bench.t list
