(** Calls of functions that run on tokio, and calls from tokio into OCaml. *)

val benches : Benches_harness.Bench.t list
