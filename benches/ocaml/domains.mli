(** Tasks on another domain, and the start and end of a domain. *)

val spawner : unit -> unit -> unit Lwt.t
(** [spawner ()] starts a domain, and returns a function that spawns an empty task on it.
*)

val benches : Benches_harness.Bench.t list
