(** Floors that need neither Lwt nor Rust. *)

val condvar_ping_pong : Bench.t
(** Two threads of two domains that wake each other: what the operating system asks for a
    message and its answer. *)

val memcpy : Bench.t
(** A copy of {!mebibyte}. *)

val mebibyte : bytes
val domain_spawn_join : Bench.t
