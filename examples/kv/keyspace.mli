(** All shards, and the domains that own them.

    Every operation on a shard runs in the loop of its owner, and does not wait. So
    operations on a shard never overlap, and there is no lock. Operations on another
    domain's shard are sent to that domain.

    A shard may be handed over to another domain at any time, while others go on. The old
    owner stores the new one in an atomic, between two operations, and does not touch the
    shard again; the store publishes everything it has done to the shard. An operation
    that reaches the old owner later is sent back, and is retried with the new owner. If
    the old owner has terminated, the operation fails with [Domain_terminated], and is
    retried in the same way. In both cases it had no effect: once an operation has begun,
    its domain finishes it, and sends the reply, before it does anything else. *)

type t

val create : clock:(unit -> int) -> Lwt_interop.Handle.t array -> t
(** [create ~clock domains] is an empty keyspace with a shard for each of [domains].
    [clock ()] is the time in milliseconds. *)

val shards : t -> int
(** [shards keyspace] is the number of shards. *)

val shard_of_slot : t -> int -> int
(** [shard_of_slot keyspace slot] is the index of the shard that has [slot]. *)

val run : t -> me:Lwt_interop.Handle.t -> int -> Command.op list -> Reply.t list Lwt.t
(** [run keyspace ~me i ops] runs [ops] on shard [i], without other operations in between,
    and after all operations that the caller has sent there earlier. [me] is the calling
    domain. *)

val expire : t -> me:Lwt_interop.Handle.t -> 'never Lwt.t
(** [expire keyspace ~me] removes expired keys from the shards of the calling domain,
    [me], whichever it owns at the moment, until the domain ends. *)

val hand_over : t -> from:Lwt_interop.Handle.t -> Lwt_interop.Handle.t -> unit
(** [hand_over keyspace ~from domain] makes [domain] the owner of all shards of the
    calling domain, [from]. *)
