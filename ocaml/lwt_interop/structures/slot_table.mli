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

    A table belongs to one domain and to the thread that runs its loop. All operations but
    {!drain} take constant time; {!set} and {!reserve} sometimes grow the table. A signal
    handler that runs within them may use the table; {!take} and {!clear} neither allocate
    nor poll. *)

type 'a t
(** A table. *)

val create : 'a -> 'a t
(** [create empty] is a table without values, in which [empty] stands for no value. *)

val set : 'a t -> int -> 'a -> unit
(** [set table key value] stores [value] under [key]. *)

val reserve : 'a t -> int -> unit
(** [reserve table key] makes room for a value of [key], which Rust stores. The room lasts
    until {!drain} begins. *)

val take : 'a t -> int -> 'a
(** [take table key] removes the value of [key] and is that value, or [empty] if there is
    none. *)

val get : 'a t -> int -> 'a
(** [get table key] is the value of [key], or [empty] if there is none. *)

val clear : 'a t -> int -> unit
(** [clear table key] removes the value of [key], if there is one. *)

val drain : ('a -> unit) -> 'a t -> unit
(** [drain f table] empties the table, and calls [f] with each value and, any number of
    times, with [empty], and removes each value once [f] has returned. If [f] raises, so
    does [drain]; the next call continues with the same value. *)
