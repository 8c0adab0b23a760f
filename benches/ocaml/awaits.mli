(** Lwt promises that Rust awaits. *)

val benches : Benches_harness.Bench.t list
