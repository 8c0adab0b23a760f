(** Commands on the server and on the client's session. They raise {!Argument.Rejected}.
*)

val info_of_shard : Shard.t -> Reply.t
(** [info_of_shard shard] is what {!info} needs. *)

val info : Reply.t list -> Reply.t
(** [info shards] is the reply to [INFO]. *)

val config : string list -> Reply.t
(** [config arguments] is the reply to [CONFIG], which has the settings that
    redis-benchmark asks for. *)

val client : Rust.session -> string list -> Rust.session * Reply.t
(** [client session arguments] is the changed session and the reply to [CLIENT]. *)

val hello : Rust.session -> string list -> Rust.session * Reply.t
(** [hello session arguments] is the changed session and the reply to [HELLO]. *)
