(** Baselines that need neither Lwt nor Rust. *)

val condvar_ping_pong : Bench.t
(** Two domains that wake each other through a condition variable, which is what a message
    and its answer cost in the operating system. *)

val memcpy : Bench.t
(** A copy of {!mebibyte}. *)

val mebibyte : bytes

val domain_spawn_join : Bench.t
(** A domain that does nothing, spawned and joined. *)
