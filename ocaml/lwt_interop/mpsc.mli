(** An unbounded queue with many producers and one consumer, which can be closed.
    Lock-free; any domain and any thread may push. *)

type 'a t

val create : unit -> 'a t

val push : 'a t -> 'a -> bool
(** Adds an element. [false] if the queue is closed: it was not added. *)

val is_empty : 'a t -> bool
val is_closed : 'a t -> bool

val take_all : 'a t -> 'a list
(** Takes every element, oldest first. Only the consumer. *)

val close : 'a t -> 'a list
(** Closes the queue and takes what is in it, oldest first. *)
