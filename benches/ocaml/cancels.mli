(** Cancellation of calls. *)

val benches : Benches_harness.Bench.t list
