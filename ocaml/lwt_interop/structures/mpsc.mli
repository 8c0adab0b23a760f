(** Unbounded queues with many producers and one consumer, which can be closed.

    Each domain's mailbox is one:

    {[
      let queue, reader = Mpsc.create ()
      let () = assert (Mpsc.push queue "a message")

      let () =
        match Mpsc.take reader with
        | Item { value; _ } -> assert (value = "a message")
        | Nothing -> assert false

      let () = Mpsc.close reader
      let () = assert (not (Mpsc.push queue "too late"))
      let () = assert (Mpsc.is_drained reader)
    ]}

    Queues are lock-free, and every operation takes constant time. {!push} and
    {!is_closed} may be called on any thread of any domain, and in a finaliser or signal
    handler; the functions of the {!reader} only by the consumer. Elements are taken in
    the order in which they were pushed.

    If an exception arrives during {!push}, from a signal handler for example, nothing has
    been pushed. {!take} and {!close} neither allocate nor poll. *)

type 'a t
(** A queue, for its producers. *)

type 'a reader
(** A queue, for its consumer. *)

val create : unit -> 'a t * 'a reader
(** [create ()] is an empty queue. *)

val push : 'a t -> 'a -> bool
(** [push queue x] appends [x]. It is [false], and [x] is not in the queue, if [queue] is
    closed. *)

val is_closed : 'a t -> bool
(** [is_closed queue] is [true] once {!close} has been called. *)

(** The result of {!take}. *)
type 'a item = private Nothing | Item of { value : 'a; rest : 'a link }

and 'a link

val is_empty : 'a reader -> bool
(** [is_empty reader] is [true] if [take reader] would be [Nothing]. *)

val take : 'a reader -> 'a item
(** [take reader] removes the oldest element and is an item with it, or [Nothing] if there
    is none, or if the producer of the oldest element has not returned from {!push}. *)

val close : 'a reader -> unit
(** [close reader] closes the queue. Its elements can still be taken. *)

val is_drained : 'a reader -> bool
(** [is_drained reader] is [true] if the queue is closed and all its elements have been
    taken. While it is [false] although {!take} is [Nothing], a producer has not returned
    from a {!push} that began before the queue was closed. *)
