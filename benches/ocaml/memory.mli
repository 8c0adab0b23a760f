(** What a pending call occupies. *)

val benches : Benches_harness.Bench.t list
