(** Tables from Rust's slot keys to OCaml values.

    Rust numbers what is in flight between the two languages: a pending call, a promise
    that Rust awaits. Each has a key from a slot map ([runtime/src/base/slot_map.rs]), and
    OCaml's side of it, a resolver for example, is here under that key:

    {[
      let table = Slot_table.create "empty"
      let () = Slot_table.set table 7 "value"
      let () = assert (Slot_table.take table 7 = "value")
      let () = assert (Slot_table.take table 7 = "empty")
    ]}

    The index within a key is used again for another key only after OCaml has released the
    previous one, and OCaml takes a key's value before it releases the key. So a table
    needs no generations, unlike Rust's.

    A table belongs to one domain and to the thread that runs its loop. {!set} and {!take}
    take constant time; {!set} sometimes has to grow the table. A signal handler that runs
    within one of them may use the table. *)

type 'a t
(** A table. *)

val create : 'a -> 'a t
(** [create empty] is a table without values, in which [empty] stands for no value. *)

val set : 'a t -> int -> 'a -> unit
(** [set table key value] stores [value] under [key]. *)

val take : 'a t -> int -> 'a
(** [take table key] removes the value of [key] and is that value, or [empty] if there is
    none. *)

val drain : ('a -> unit) -> 'a t -> unit
(** [drain f table] removes all values, and calls [f] with each of them and, any number of
    times, with [empty]. *)
