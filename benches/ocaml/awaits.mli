(** Rust futures that await a Lwt promise. *)

val benches : Benches_harness.Bench.t list
