(** All shards, and the domains that own them.

    Whatever is done to a shard is done in the loop of its owner, and without waiting: so
    nothing else happens to the shard meanwhile, and there is no lock. Where another
    domain's shard is concerned, the work is sent there.

    A shard may be handed over to another domain at any time, and nobody has to stop for
    that. The old owner writes the new one's name into an atomic, between two pieces of
    work, and does not touch the shard again: that publishes all it has done to it. Who
    asks the old owner after that is told to look again; who asks it after it has ended
    gets [Domain_terminated], and looks again, too. In both cases nothing was done: a
    piece of work that has begun is finished, and its replies are sent, before its domain
    does anything else. *)

type t

val create : clock:(unit -> int) -> Lwt_interop.Handle.t array -> t
(** An empty keyspace with a shard for each of these domains. *)

val shards : t -> int
val shard_of_slot : t -> int -> int

val run : t -> me:Lwt_interop.Handle.t -> int -> Command.op list -> Reply.t list Lwt.t
(** Has these done to a shard, one right after the other, and in this order with whatever
    else the caller has done there. [me] is the calling domain. *)

val tend : t -> me:Lwt_interop.Handle.t -> 'never Lwt.t
(** Removes keys whose time has come from the shards of the calling domain, [me],
    whichever they are, until the domain ends. *)

val hand_over : t -> from:Lwt_interop.Handle.t -> Lwt_interop.Handle.t -> unit
(** Gives all shards of the calling domain, [from], to another. *)
