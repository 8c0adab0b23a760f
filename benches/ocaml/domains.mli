(** Other domains: work for them, and their beginning and end. *)

val benches : Benches_harness.Bench.t list
