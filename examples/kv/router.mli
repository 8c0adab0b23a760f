(** Serves the commands of one client, a batch at a time, on any domain.

    The commands for one shard go to its owner together, in their order, and the replies
    come in the order of the commands. So each command finds what those before it have
    left, also where it concerns several shards. *)

type rest
(** Replies that are not written yet. *)

(** What Rust asks for: see [src/connection.rs], also for {!outcome}. *)
type request = Batch of string array array | Rest of rest

type outcome = { reply : string; rest : rest option; session : Session.t; close : bool }

type t
(** A domain's. *)

val create : Keyspace.t -> t
(** For the calling domain. *)

val serve : t -> Session.t -> request -> outcome Lwt.t
