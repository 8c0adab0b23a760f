(** What it costs when many calls are pending. *)

val benches : Benches_harness.Bench.t list
