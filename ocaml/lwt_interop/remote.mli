(** Functions that run on another domain, and whose results come back. *)

val spawn : Executor.handle -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** [spawn] is {!Handle.spawn}. *)
