(** Values under small integer keys, which the table chooses and uses again.

    {[
      let slab = Slab.create "empty"
      let key = Slab.take_key slab
      let () = Slab.set slab key "value"
      let () = assert (Slab.get slab key = "value")
      let () = Slab.release slab key
      let () = assert (Slab.get slab key = "empty")
    ]}

    A slab belongs to one domain, and to the thread that runs its loop. All operations but
    {!iter} take constant time; {!take_key} sometimes grows the table. A signal handler
    that interrupts {!take_key} may use the slab. {!set}, {!get} and {!release} neither
    allocate nor poll. *)

type 'a t
(** A slab. *)

val create : 'a -> 'a t
(** [create empty] is a slab without values, in which [empty] stands for no value. *)

val take_key : 'a t -> int
(** [take_key slab] is a key that is not in use, and has no value. *)

val set : 'a t -> int -> 'a -> unit
(** [set slab key value] stores [value] under [key], which is in use. *)

val get : 'a t -> int -> 'a
(** [get slab key] is the value of [key], or [empty] if there is none. *)

val release : 'a t -> int -> unit
(** [release slab key] removes the value of [key] and frees [key], which must be in use.
*)

val iter : ('a -> unit) -> 'a t -> unit
(** [iter f slab] calls [f] with each value, and any number of times with [empty]. [f] may
    release keys, and may not take any. *)
