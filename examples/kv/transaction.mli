(** [MULTI], [EXEC] and [DISCARD]. Between [MULTI] and [EXEC] commands are queued in the
    session; [EXEC] plans all of them together. The router sends an owner all operations
    of a batch in one message, and an owner runs a message without other operations in
    between. So a transaction is atomic on each owner, but not on several together. *)

val plan : Rust.session -> string array -> Command.plan
(** [plan session command] is the plan for a command: its own, or that it is queued. *)
