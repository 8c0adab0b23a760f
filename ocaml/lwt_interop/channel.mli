(** Bounded queues between domains, with any number of senders and receivers.

    {[
      let jobs = Channel.create ~capacity:100

      (* On some domains; [send] waits while 100 are in it. *)
      let* () = Channel.send jobs job in

      (* On others, until somebody calls [Channel.close jobs]. *)
      Channel.iter work jobs
    ]}

    Each element is received once, and those of one sender in the order in which it sent
    them. Like all that crosses domains they should be immutable, or not used by the
    sender any more, and not be promises.

    Who has to wait does so in line: senders get in, and receivers are called, first come
    first served, and nobody overtakes them, neither with {!try_send} and {!try_recv}. A
    receiver that is called takes its element in its domain's loop. Until then the element
    stays in the channel, where {!length} counts it; if the receiver is cancelled or its
    domain ends, the next one is called instead. So an element waits for a domain that is
    busy, or between two [Lwt_main.run]s, when it is for a receiver there. Of several
    receivers that wait on one domain, those that different domains call at the same
    moment may be fulfilled in either order; the elements keep theirs.

    Promises are the caller's, and are resolved in its domain's loop, never within a call
    of somebody else. A domain that ends rejects those of its own that wait with
    {!Errors.Domain_terminated}; what it has sent stays. *)

type 'a t

exception Closed
(** The channel takes no more elements. *)

val create : capacity:int -> 'a t
(** A channel for at most [capacity] elements; the memory for so many pointers is taken at
    once.

    @raise Invalid_argument if [capacity] is less than 1, or more than an array's. *)

val send : 'a t -> 'a -> unit Lwt.t
(** Puts an element into the channel, as soon as there is room. Rejected with {!Closed} if
    the channel is closed before that.

    The element is in the channel if and only if the promise is fulfilled. Cancelling it
    takes the element out of the line. If it has got in already, or has been refused, but
    the promise does not know yet, cancelling has no effect but to let it know at once.

    @raise Wrong_thread on a thread of the domain that is not its loop's.
    @raise Domain_terminated while the domain ends. *)

val try_send : 'a t -> 'a -> [ `Sent | `Full | `Closed ]
(** Puts an element into the channel if there is room. Any thread of any domain, whether
    or not it runs a loop; as are the others that return no promise. *)

val recv : 'a t -> 'a option Lwt.t
(** Takes the oldest element, as soon as there is one. [None] if the channel is closed and
    nothing is left in it.

    An element is taken at the moment in which the promise is fulfilled: one that was
    cancelled, by [Lwt.pick] for example, has taken none. (But [Lwt.pick] chooses among
    promises that are fulfilled already without a look at what it drops.)

    @raise Wrong_thread on a thread of the domain that is not its loop's.
    @raise Domain_terminated while the domain ends. *)

val try_recv : 'a t -> [ `Received of 'a | `Empty | `Closed ]
(** Takes the oldest element if there is one that no receiver has been called for.
    [`Closed] if the channel is closed and nothing is left in it. *)

val iter : ('a -> unit Lwt.t) -> 'a t -> unit Lwt.t
(** [iter f channel] receives elements and calls [f], one after the other, until the
    channel is closed and nothing is left in it, or until [f] fails. It gives the domain's
    loop a turn after every 32 elements at the latest, however full the channel is; who
    calls {!recv} or {!send} in a loop sees to that itself. *)

val close : 'a t -> unit
(** Takes no more elements. Senders in the line are rejected with {!Closed}. What is in
    the channel can still be received; receivers in the line get [None] when there is no
    more. Does nothing if the channel is closed. *)

val is_closed : 'a t -> bool

val length : 'a t -> int
(** How many elements are in it: at most {!capacity}. *)

val capacity : 'a t -> int
