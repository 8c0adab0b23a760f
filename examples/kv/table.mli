(** Hash tables of values with deadlines.

    A key and what belongs to it are one block, which is changed in place. With many keys
    most of the time of a command is spent on waiting for memory, and a [Hashtbl] needs
    three blocks for that. *)

type t

type entry = private
  | Absent
  | Entry of {
      text : string;  (** the key *)
      hash : int;
      mutable value : string;
      mutable deadline : int;
      mutable next : entry;  (** the next one with another key, in no order *)
    }

val absent : entry
(** [Absent]. *)

val create : unit -> t
(** [create ()] is an empty table. *)

val length : t -> int
(** [length table] is the number of keys. *)

val find : t -> Key.t -> entry
(** [find table key] is the entry of [key]. *)

val prefetch : t -> Key.t -> unit
(** [prefetch table key] reads what {!find} reads, and does nothing with it. The processor
    waits for the memory of several keys at once if there are few instructions between
    them. (Redis 8 and Valkey do the same for the commands of several clients.) *)

val set : t -> Key.t -> deadline:int -> string -> unit
(** [set table key ~deadline value] changes the entry of [key], or adds one. *)

val remove : t -> Key.t -> unit
(** [remove table key] removes the entry of [key], if there is one. *)

val fold : (string -> deadline:int -> 'a -> 'a) -> t -> 'a -> 'a
(** [fold f table init] applies [f] to each key. *)
