(** Functions that run on another domain and answer. *)

val spawn : ?settled:(unit -> unit) -> Executor.handle -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** {!Handle.spawn}. [settled] is called once, in the caller's domain, just before the
    promise is settled or when it is cancelled. *)
