(** Other domains: work for them, and their beginning and end. *)

val spawner : unit -> unit -> unit Lwt.t
(** Starts a domain; the result spawns work on it that is done at once. *)

val benches : Benches_harness.Bench.t list
