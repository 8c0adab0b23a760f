(** Bounded channels between domains, and between OCaml and Rust, with any number of
    senders and receivers.

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

    {1 Rust}

    A channel is a [Channel<T>] of Rust: a function that Rust exports may take one and may
    return one, and everything that is said here holds for Rust code that uses it, too.

    A channel that was made here holds OCaml values until it is first passed to Rust. Then
    its elements are converted to Rust values, in order. Those of senders that wait
    follow, even if there is no room for them, and these senders are fulfilled, or
    rejected if their elements do not convert. Receivers that wait go on waiting, in an
    order that is not specified. If an element in the channel does not convert, the
    function that was called gets [Invalid_argument], and the channel stays as it was. So
    it does if there is no memory for the elements; if there is none for those of a sender
    that waits, that sender is rejected and the channel is Rust's. Channels that are
    elements are passed to Rust as well, up to 16 levels deep. Meanwhile the channel is
    full for others. From then on each element is converted to a Rust value when it is
    sent, and to an OCaml value when it is received; so what OCaml sends to OCaml over
    such a channel is converted twice, and is a copy. An element that does not convert is
    an [Invalid_argument] that names the channel's type: if OCaml sends it, the sender
    gets the exception and the element is not sent; if Rust sends it, a receiver gets the
    exception and the element is dropped. The channel remains usable. *)

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
    accordingly instead: it is fulfilled, or rejected with {!Closed}. If Rust uses
    [channel], and [x] does not convert, the promise is rejected with [Invalid_argument].

    @raise Wrong_thread if the calling thread is not the one that runs the domain's loop.
    @raise Domain_terminated if the domain is terminating. *)

val try_send : 'a t -> 'a -> [ `Sent | `Full | `Closed ]
(** [try_send channel x] is [`Sent], with [x] in [channel], if there is room and no sender
    waits; otherwise it has no effect. Every thread of every domain may call it, with or
    without a Lwt loop.

    @raise Invalid_argument if Rust uses [channel], and [x] does not convert. *)

val send_all : 'a t -> 'a array -> unit Lwt.t
(** [send_all channel xs] sends the elements of [xs], in order, and is fulfilled when all
    are in [channel]. As many as there is room for are sent at once, which costs less than
    sending each. Elements of other senders may come between them. If the promise is
    cancelled, or rejected with {!Closed} or [Domain_terminated], some of the first
    elements may be in the channel. If it is rejected with [Invalid_argument] because an
    element does not convert, none is.

    It raises like {!send}. *)

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

val recv_many : ?max:int -> 'a t -> 'a array Lwt.t
(** [recv_many channel] is fulfilled with the oldest elements that are not reserved, at
    least one and at most [max], 64 by default, once there is one for this call; or with
    an empty array once [channel] is closed and empty. It costs less than receiving each.
    Like {!recv}, a promise that is cancelled has taken no element. If Rust has sent
    elements that do not convert, those that do are received; the next calls are rejected
    with [Invalid_argument] for the others, one each.

    It raises like {!recv}.
    @raise Invalid_argument if [max] is less than 1. *)

val try_recv : 'a t -> [ `Received of 'a | `Empty | `Closed ]
(** [try_recv channel] is [`Received x] and removes [x] if [x] is the oldest element that
    is not reserved, [`Closed] if [channel] is closed and empty, and otherwise [`Empty].
    Every thread of every domain may call it, with or without a Lwt loop.

    @raise Invalid_argument
      if the element, which Rust has sent, does not convert. It is dropped. *)

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
