(** Some of the slots, and the keys that are in them. Plain tables, without a lock: only
    one domain at a time touches a shard, its owner.

    A key whose time has come is gone at once for whoever looks; {!sweep} gives back its
    memory. *)

type t
type entry = private { value : string; deadline : int }

val never : int
(** The deadline of what stays. *)

val create : clock:(unit -> int) -> first:int -> slots:int -> t
(** The slots from [first] on, empty. [clock] tells milliseconds. *)

val now : t -> int
val find : t -> Key.t -> entry option
val set : t -> Key.t -> deadline:int -> string -> unit

val remove : t -> Key.t -> bool
(** Whether it was there. *)

(** {1 All keys} *)

val length : t -> int
(** Keys whose time has come count until they are swept. *)

val expiring : t -> int
(** How many have a deadline. *)

val keys : t -> Key.t list
val clear : t -> unit

val scan : t -> slot:int -> count:int -> Key.t list * int
(** The keys of one slot after the other, until there are [count] of them, and the slot
    that comes next, which may be another shard's, or {!Key.slots}.

    The cursor of a client that scans is this slot, so nothing has to be remembered for
    it: a key never changes its slot, however its table grows, so a key that stays is
    found once. *)

val sweep : t -> at_most:int -> int
(** Removes keys whose time has come, and says how many. *)
