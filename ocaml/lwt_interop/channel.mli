(** Bounded channels between domains, with any number of senders and receivers.

    {[
      open Lwt.Syntax
      open Lwt_interop

      let producer channel =
        let* () = Lwt_list.iter_s (Channel.send channel) [ 1; 2; 3 ] in
        Channel.close channel;
        Lwt.return_unit

      let consumer channel =
        let sum = ref 0 in
        let add x = Lwt.return (sum := !sum + x) in
        let* () = Channel.iter add channel in
        Lwt.return !sum

      let () =
        Lwt_interop.run ~domains:2 (fun () ->
            let channel = Channel.create ~capacity:100 in
            let sum = Pool.spawn (Pool.default ()) (fun () -> consumer channel) in
            let* () = Pool.spawn (Pool.default ()) (fun () -> producer channel) in
            let* sum = sum in
            assert (sum = 6);
            Lwt.return_unit)
    ]}

    Channels are bounded, which gives back-pressure: {!send} waits while the channel is
    full. Each element is received once, and the elements of one sender are received in
    the order in which it sent them. Elements move to another domain, so they should be
    immutable, or no longer be used by the sender. They must not be promises.

    {1 Fairness}

    Senders and receivers that wait are served first in, first out. No later call
    overtakes them, {!try_send} and {!try_recv} included.

    When there is an element for a waiting receiver, the receiver's domain is notified,
    and the receiver takes the element in the loop of that domain. Until then the element
    is reserved: it is in the channel, {!length} counts it, and no other receiver gets it.
    So an element may wait for a domain that is busy, or that is not in [Lwt_main.run] at
    the moment. If the receiver is cancelled or its domain terminates, the next receiver
    is notified instead. If different domains send at the same moment to several receivers
    of one domain, these may be resolved in either order; the elements keep theirs.

    {1 Domains}

    Promises belong to the calling domain, and are resolved in its loop, never during a
    call by another sender or receiver. When a domain terminates, its pending promises are
    rejected with [Domain_terminated]; the elements that it has sent stay in the channel.
*)

type 'a t
(** A channel for elements of type ['a]. *)

exception Closed
(** The channel has been closed. *)

val create : capacity:int -> 'a t
(** [create ~capacity] is an empty channel for at most [capacity] elements. It allocates
    an array of that size.

    @raise Invalid_argument if [capacity] is less than 1 or too large for an array. *)

(** {1 Sending} *)

val send : 'a t -> 'a -> unit Lwt.t
(** [send channel x] is fulfilled when [x] is in [channel], which is at once if there is
    room. It is rejected with {!Closed} if [channel] is closed before that. If it is
    rejected, for this or another reason, [x] is not in the channel.

    Cancelling the promise withdraws [x]. If [x] is in the channel already, or has been
    refused, but the sender's loop does not know yet, then cancelling resolves the promise
    accordingly instead: it is fulfilled, or rejected with {!Closed}.

    @raise Wrong_thread if the calling thread is not the one that runs the domain's loop.
    @raise Domain_terminated if the domain is terminating. *)

val try_send : 'a t -> 'a -> [ `Sent | `Full | `Closed ]
(** [try_send channel x] is [`Sent], with [x] in [channel], if there is room and no sender
    waits; otherwise it has no effect. Every thread of every domain may call it, with or
    without a Lwt loop. *)

(** {1 Receiving} *)

val recv : 'a t -> 'a option Lwt.t
(** [recv channel] is fulfilled with the oldest element, once there is one for this call,
    or with [None] once [channel] is closed and empty.

    The element leaves the channel at the moment in which the promise is fulfilled. So a
    promise that is cancelled, by [Lwt.pick] for example, has taken no element. (But if
    several promises are already fulfilled when [Lwt.pick] is called, it drops the values
    of all but one.)

    @raise Wrong_thread if the calling thread is not the one that runs the domain's loop.
    @raise Domain_terminated if the domain is terminating. *)

val try_recv : 'a t -> [ `Received of 'a | `Empty | `Closed ]
(** [try_recv channel] is [`Received x] and removes [x] if [x] is the oldest element that
    is not reserved, [`Closed] if [channel] is closed and empty, and otherwise [`Empty].
    Every thread of every domain may call it, with or without a Lwt loop. *)

val iter : ('a -> unit Lwt.t) -> 'a t -> unit Lwt.t
(** [iter f channel] receives elements and calls [f] with each, one after the other. It is
    fulfilled when [channel] is closed and empty, and rejected if a promise of [f] is.

    It yields to the domain's loop at least once every 32 elements, even if the channel is
    never empty. A loop of your own around {!recv} or {!send} has to do so itself, with
    [Lwt.pause]. It raises like {!recv}. *)

(** {1 Closing} *)

val close : 'a t -> unit
(** [close channel] makes [channel] accept no more elements. Senders that wait are
    rejected with {!Closed}. The elements in the channel can still be received; receivers
    that wait get [None] when it is empty. Does nothing if [channel] is closed. Every
    thread of every domain may call it, with or without a Lwt loop. *)

val is_closed : 'a t -> bool
(** [is_closed channel] is [true] once {!close} has been called. Every thread of every
    domain may call it. *)

(** {1 Size} *)

val length : 'a t -> int
(** [length channel] is the number of elements in [channel], at most {!capacity}. Every
    thread of every domain may call it. *)

val capacity : 'a t -> int
(** [capacity channel] is the number that {!create} was given. *)
