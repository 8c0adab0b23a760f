(** First-in, first-out queues of a fixed capacity, in an array.

    {[
      let ring = Ring.create 2
      let () = Ring.push ring (Some "first")
      let () = Ring.push ring (Some "second")
      let () = assert (Ring.pop ring = Some "first")
    ]}

    A ring is not thread-safe: its users hold a lock. All functions but {!create} neither
    allocate nor poll: no finaliser, signal handler or other thread of the domain runs
    within them. For that reason elements are pushed as options, which the caller has
    allocated. *)

type 'a t
(** A queue. *)

val create : int -> 'a t
(** [create capacity] is an empty ring for [capacity] elements, at least 1. *)

val capacity : 'a t -> int
(** [capacity ring] is the number of elements that [ring] can hold. *)

val length : 'a t -> int
(** [length ring] is the number of elements in [ring]. *)

val push : 'a t -> 'a option -> unit
(** [push ring (Some x)] appends [x]. The ring must not be full, and the second argument
    must not be [None]. *)

val pop : 'a t -> 'a option
(** [pop ring] removes the oldest element and is the option that was pushed, physically;
    or [None] if [ring] is empty. *)

val push_many : 'a t -> 'a option array -> int -> int -> unit
(** [push_many ring source from n] appends the [n] options of [source] that begin at the
    index [from], for which there must be room. None may be [None]. *)

val pop_many : 'a t -> 'a option array -> int -> unit
(** [pop_many ring target n] moves the [n] oldest elements to the beginning of [target].
    Both must have as many. *)

val copy : 'a t -> 'a option array -> int -> unit
(** [copy ring target n] copies the [n] oldest elements to the beginning of [target]. Both
    must have as many. *)
