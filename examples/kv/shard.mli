(** A range of slots with their keys, in plain tables without a lock: only the owner, one
    domain at a time, uses a shard.

    A key that has expired is never found, and {!sweep} frees its memory. *)

type t

val never : int
(** The deadline of keys that do not expire. *)

val create : clock:(unit -> int) -> first:int -> slots:int -> t
(** [create ~clock ~first ~slots] is an empty shard of [slots] slots from [first] on.
    [clock ()] is the time in milliseconds. *)

val now : t -> int
(** [now shard] is the time. *)

val find : t -> Key.t -> Table.entry
(** [find shard key] is the entry of [key], unless it has expired. {!set} changes it. *)

val prefetch : t -> Key.t -> unit
(** [prefetch shard key] has the memory of [key] on its way to the cache. *)

val set : t -> Key.t -> deadline:int -> string -> unit
(** [set shard key ~deadline value] adds or replaces an entry. *)

val remove : t -> Key.t -> bool
(** [remove shard key] removes an entry. [false] if there was none. *)

(** {1 All keys} *)

val length : t -> int
(** [length shard] is the number of keys, including expired ones that are not swept yet.
*)

val expiring : t -> int
(** [expiring shard] is the number of keys with a deadline. *)

val keys : t -> string list
(** [keys shard] is every key, in no order. *)

val clear : t -> unit
(** [clear shard] removes every key. *)

val scan : t -> slot:int -> count:int -> string list * int
(** [scan shard ~slot ~count] is the keys of whole slots from [slot] on, at least [count]
    of them if there are so many, and the next slot, which may be another shard's, or
    {!Key.slots}.

    The slot is the cursor of a client that scans, so the server keeps no state for it. A
    key never changes its slot, even if its table grows, so a key that is present during
    the whole scan is found exactly once. *)

val sweep : t -> at_most:int -> int
(** [sweep shard ~at_most] removes up to [at_most] expired keys, and returns the number of
    keys that it has removed. *)
