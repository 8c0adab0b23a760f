(** Unbounded queues with many producers and one consumer, which can be closed.

    Each domain's mailbox is one:

    {[
      let queue = Mpsc.create ()
      let () = assert (Mpsc.push queue "a message")
      let () = assert (Mpsc.take_all queue = [ "a message" ])
      let () = assert (Mpsc.close queue = [])
      let () = assert (not (Mpsc.push queue "too late"))
    ]}

    Queues are lock-free. {!push}, {!is_empty} and {!is_closed} may be called on any
    thread of any domain, and in a finaliser or signal handler; {!take_all} and {!close}
    only by the consumer. Elements of one producer are taken in the order in which it
    pushed them. *)

type 'a t
(** A queue. *)

val create : unit -> 'a t
(** [create ()] is an empty queue. *)

val push : 'a t -> 'a -> bool
(** [push queue x] appends [x]. It is [false], and [x] is not in the queue, if [queue] is
    closed. *)

val is_empty : 'a t -> bool
(** [is_empty queue] is [true] if [queue] has no elements, or is closed. *)

val is_closed : 'a t -> bool
(** [is_closed queue] is [true] once {!close} has been called. *)

val take_all : 'a t -> 'a list
(** [take_all queue] removes all elements and is their list, oldest first. It takes time
    in proportion to their number. *)

val close : 'a t -> 'a list
(** [close queue] closes [queue], removes all elements and is their list, oldest first. *)
