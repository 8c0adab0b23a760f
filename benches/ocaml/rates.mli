(** Time and delay of messages, as there are more of them on their way. *)

val benches : Benches_harness.Bench.t list
