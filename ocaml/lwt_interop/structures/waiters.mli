(** First-in, first-out queues of waiters, any of which may be removed.

    A waiter that is cancelled has to leave the middle of its queue in constant time, so
    the caller keeps the waiter's node:

    {[
      let queue = Waiters.create ()
      let node = Waiters.node "a waiter"
      let () = Waiters.add queue node

      let () =
        match Waiters.first queue with
        | Waiters.Node { value; _ } as first ->
            assert (value = "a waiter");
            Waiters.remove queue first
        | Waiters.Nil -> assert false
    ]}

    A queue is not thread-safe: its users hold a lock. {!add}, {!remove} and {!first} take
    constant time, and neither allocate nor poll: no finaliser, signal handler or other
    thread of the domain runs within them. *)

type 'a t
(** A queue of waiters. *)

type 'a node = private
  | Nil
  | Node of { value : 'a; mutable previous : 'a node; mutable next : 'a node }
      (** A waiter's place. [Nil] is no waiter. *)

val create : unit -> 'a t
(** [create ()] is an empty queue. *)

val node : 'a -> 'a node
(** [node value] is a node for the waiter [value], in no queue. *)

val nil : 'a node
(** [nil] is [Nil]. *)

val first : 'a t -> 'a node
(** [first queue] is the node that has been in [queue] for longest, or [Nil] if there is
    none. *)

val add : 'a t -> 'a node -> unit
(** [add queue node] appends [node], which must be in no queue. Does nothing if [node] is
    [Nil]. *)

val remove : 'a t -> 'a node -> unit
(** [remove queue node] removes [node], which must be in [queue]. Does nothing if [node]
    is [Nil]. *)
