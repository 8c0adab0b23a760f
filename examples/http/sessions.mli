(** Sessions, in a table of the domain that called {!create}. The other domains send their
    operations to it, so the table needs no lock. *)

type t

val create : max_bytes:int -> t
(** [create ~max_bytes] is an empty table. The keys and values of all sessions together
    have up to [max_bytes] bytes. *)

val start : t -> string option Lwt.t
(** [start sessions] is the name of a new session, which cannot be guessed. [None] if
    there are too many sessions. *)

val get : t -> string -> string -> string option Lwt.t
(** [get sessions name key] is the value of [key], if there are such a session and key. *)

val set : t -> string -> string -> string -> [ `Set | `Full ] option Lwt.t
(** [set sessions name key value] sets [key] to [value]. [Some `Full] if the session has
    too many values, or all sessions together would have too many bytes. [None] if there
    is no such session. *)

val finish : t -> string -> unit Lwt.t
(** [finish sessions name] ends a session. *)

val expire_idle : t -> seconds:float -> 'a Lwt.t
(** [expire_idle sessions ~seconds] ends sessions that have not been used for [seconds]
    seconds, until it is cancelled. *)
