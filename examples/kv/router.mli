(** Runs the commands of clients, a batch at a time, on any domain.

    The commands of a batch for one shard go to its owner together and in order, and the
    replies have the order of the commands. So each command sees the effects of the
    client's earlier ones, even if it uses several shards. *)

type t
(** The router of a domain. *)

val create : Keyspace.t -> t
(** [create keyspace] is a router for the calling domain. *)

val serve : t -> Rust.session -> Rust.request -> Rust.outcome Lwt.t
(** [serve router session request] runs a batch of commands, or writes the next part of
    its replies. *)
