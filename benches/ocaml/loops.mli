(** What a turn of the Lwt loop costs. *)

val benches : Benches_harness.Bench.t list
