(** Time and delay of messages, by the number in flight. *)

val benches : Benches_harness.Bench.t list
