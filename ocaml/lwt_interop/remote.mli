(** Functions that run on another domain and reply with their results. *)

val spawn : ?unstarted:(unit -> unit) -> Executor.handle -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** [spawn h f] is {!Handle.spawn}. [unstarted] is a step of {!Uninterrupted.run} that the
    domain calls instead of [f], unless it terminates, if the promise was cancelled before
    [f] was to start. *)
