(** Commands: what their arguments mean, and what is to be done for them. *)

type op = Shard.t -> Reply.t
(** What the owner of a shard does, at once and without waiting. It raises nothing. *)

type plan =
  | Now of Reply.t
  | One of int * op  (** where a slot is *)
  | Many of (int * op) list * (Reply.t list -> Reply.t)
      (** in several slots, in this order; and what their replies are together *)
  | Everywhere of op * (Reply.t list -> Reply.t)  (** on each shard *)
  | Agree of Session.t * Reply.t  (** and go on so with this client *)
  | Quit  (** say so, and close the connection *)

val plan : Session.t -> string array -> plan
(** For the name of a command and its arguments. What is wrong with them is a reply, in
    Redis's own words. *)
