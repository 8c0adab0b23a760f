(** Functions that run on another domain and reply with their results. *)

val spawn : Executor.handle -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** [spawn] is {!Handle.spawn}. *)
