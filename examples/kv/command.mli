(** Commands: what their arguments mean, and which operations they need. *)

type op = {
  key : Key.t option;  (** the key that it looks up, if it is only one *)
  run : Shard.t -> Reply.t;  (** does not wait, and does not raise *)
}
(** An operation on a shard, run by its owner. *)

type plan =
  | Now of Reply.t  (** needs no shard *)
  | One of int * op  (** on the shard of a slot *)
  | Many of (int * op) list * (Reply.t list -> Reply.t)
      (** on the shards of several slots, in this order; the function combines the replies
      *)
  | Everywhere of op * (Reply.t list -> Reply.t)
      (** on every shard; the function combines the replies *)
  | Agree of Rust.session * Reply.t  (** changes the client's session *)
  | Together of Rust.session * plan list
      (** all of them, without other operations in between on each shard; the reply is the
          array of their replies *)
  | Quit  (** closes the connection after the reply *)
  | Drop  (** closes the connection without a reply *)

val no_watch : Reply.t
(** The reply to [WATCH]. *)

val plan : Rust.session -> string array -> plan
(** [plan session command] is the plan for the name of a command and its arguments,
    outside of a transaction: see {!Transaction}. If they are wrong it is a reply with
    Redis's own error text. *)
