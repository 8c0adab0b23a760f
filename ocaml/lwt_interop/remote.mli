(** Functions that run on another domain and answer. *)

val spawn : Executor.handle -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** {!Handle.spawn}. *)
