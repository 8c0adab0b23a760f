(** A queue in an array of a fixed size. Not safe for several threads; nothing but
    {!create} allocates. *)

type 'a t

val create : int -> 'a t
(** Of a capacity of at least 1. *)

val capacity : 'a t -> int
val length : 'a t -> int

val push : 'a t -> 'a option -> unit
(** Adds an element, which is [Some]. There has to be room for it. *)

val pop : 'a t -> 'a option
(** Takes the oldest element, the very value that was pushed; [None] if there is none. *)
