(** Calls of Rust functions. *)

val benches : Benches_harness.Bench.t list
