(** Sessions, kept in memory by the domain that called {!create}. The others ask it: a
    table that one domain owns needs no lock. *)

type t

val create : unit -> t

val start : t -> string option Lwt.t
(** A new session: a name that nobody can guess. [None] if there are too many. *)

val get : t -> string -> string -> string option Lwt.t
(** [get t session key] *)

val set : t -> string -> string -> string -> [ `Set | `Full ] option Lwt.t
(** [set t session key value]. [None] if there is no such session. *)

val finish : t -> string -> unit Lwt.t

val forget_idle : t -> seconds:float -> 'a Lwt.t
(** Forgets sessions that nobody has used for so long, until it is cancelled. *)
