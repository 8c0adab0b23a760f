(** Streams: many values, one after the other, that are produced when somebody asks for
    them.

    {[
      open Lwt.Syntax
      open Lwt_interop

      (* The numbers from 1 to 100, one at a time. *)
      let numbers () =
        let last = ref 0 in
        Stream.from (fun () ->
            incr last;
            if !last > 100 then Lwt.return_none
            else
              let* () = Lwt.pause () in
              Lwt.return (Some !last))

      let main () =
        (* The stream is closed when the function's promise is resolved. *)
        let* first_two =
          Stream.with_stream (numbers ()) (fun stream ->
              let* a = Stream.next stream in
              let* b = Stream.next stream in
              Lwt.return [ a; b ])
        in
        assert (first_two = [ Some 1; Some 2 ]);
        let squares = Stream.map (fun n -> n * n) (numbers ()) in
        let* sum = Stream.fold (fun sum n -> Lwt.return (sum + n)) 0 squares in
        assert (sum = 338_350);
        Lwt.return_unit

      let () = Lwt_main.run (main ())
    ]}

    A Rust function that is marked [#[func(stream)]] returns a stream, and Rust functions
    take streams as arguments. Other streams come from the {{!section-make}constructors}.

    {1 Demand}

    A stream asks its source for elements only when somebody waits for one, and does not
    ask again before the source has answered. Rust's streams, and streams of another
    domain, answer with up to 64 elements, which {!next} then returns without waiting. So
    a consumer that is slow has at most 64 elements in memory. The other sources are asked
    for as many elements as somebody waits for.

    {1 The end}

    A stream ends in one of these ways, and after each of them its source is closed, once:

    - The source has no more elements: {!next} is [None].
    - The source fails: {!next} first returns the elements that came before, and is
      rejected with the same exception from then on.
    - It is closed, by {!close}, {!with_stream} or a consumer such as {!iter}: {!next} is
      [None], and the elements that are left are dropped.
    - The collector finds that nobody refers to the stream and nobody waits for an
      element, or the stream's domain terminates.

    {1 Domains}

    A stream belongs to the domain that made it, and can be used there, in the loop. On
    another domain every function raises [Invalid_argument], with a text that names both
    domains. On a thread of the domain that does not run its loop, every function that
    waits or closes raises [Wrong_thread]. {!move} and {!accept} pass a stream on to
    another domain. *)

type 'a t = 'a Stream_core.t
(** A stream of elements of type ['a]. *)

(** {1 Receiving} *)

val next : 'a t -> 'a option Lwt.t
(** [next s] is the next element, or [None] at the end. It is resolved at once, without
    yielding to the loop, if an element is buffered. Otherwise it waits; calls that wait
    are served in their order. It is rejected with the exception of the source if that has
    failed, and with [Domain_terminated] if the domain terminates.

    Cancelling the promise, by [Lwt.pick] for example, loses nothing: the element comes
    with the next call. (But if several promises are already fulfilled when [Lwt.pick] is
    called, it drops the values of all but one.)

    @raise Invalid_argument if [s] belongs to another domain, or was moved.
    @raise Wrong_thread
      if it has to wait, and the calling thread is not the one that runs the domain's
      loop.
    @raise Domain_terminated if it has to wait, and the domain is terminating. *)

val next_batch : ?max:int -> 'a t -> 'a array Lwt.t
(** [next_batch s] is the elements that are buffered, at most [max], which is 64 by
    default. If there are none, it waits for at least one. [[||]] is the end. The array is
    new: it may be changed. Otherwise it is as {!next}, with the same errors.

    @raise Invalid_argument if [max] is less than 1. *)

(** {1 Consuming}

    These functions receive all elements, one after the other, and close the stream when
    they end, whether they have received all elements, the stream has failed, or a promise
    of the function was rejected: then they are rejected with that exception. Cancelling
    their promise cancels what they wait for, {!next} or the function's promise.

    They yield to the loop at least once every 64 elements. They raise [Invalid_argument]
    if the stream belongs to another domain, or was moved, and [Wrong_thread] if another
    thread runs the domain's loop. *)

val iter : ('a -> unit Lwt.t) -> 'a t -> unit Lwt.t
(** [iter f s] calls [f] with each element, and waits for its promise before it receives
    the next one. *)

val fold : ('acc -> 'a -> 'acc Lwt.t) -> 'acc -> 'a t -> 'acc Lwt.t
(** [fold f init s] is [f (... (f (f init x1) x2) ...) xn], for the elements [x1] to [xn].
*)

val to_list : 'a t -> 'a list Lwt.t
(** [to_list s] is the list of all elements. *)

(** {1 Closing} *)

val close : 'a t -> unit
(** [close s] ends [s]: its source is closed before the call returns, the elements that
    are left are dropped, and calls of {!next} that wait return [None]. Does nothing if
    [s] is closed, or was moved. It does not raise what closes the source raises.

    @raise Invalid_argument if [s] belongs to another domain.
    @raise Wrong_thread
      if the calling thread is not the one that runs the domain's loop. The stream stays
      open. *)

val with_stream : 'a t -> ('a t -> 'b Lwt.t) -> 'b Lwt.t
(** [with_stream s f] is [f s], and closes [s] when that promise is resolved: fulfilled,
    rejected or cancelled; also if [f] raises.

    @raise Invalid_argument if [s] belongs to another domain, or was moved.
    @raise Wrong_thread if the calling thread is not the one that runs the domain's loop.
*)

(** {1 Derived streams}

    A derived stream takes elements from another stream when somebody waits for its own.
    Closing it closes the other one, which should no longer be used by itself. *)

val map : ('a -> 'b) -> 'a t -> 'b t
(** [map f s] is the stream of [f x] for each element [x] of [s]. [f] should be pure and
    fast: it is called for a whole batch at a time. If it raises, the stream fails with
    that exception, after the elements that came before. After an exception of a signal
    handler it may be called again for the same element.

    @raise Invalid_argument if [s] belongs to another domain, or was moved. *)

val filter_map : ('a -> 'b option) -> 'a t -> 'b t
(** [filter_map f s] is like {!map}, without the elements for which [f] is [None]. It
    yields to the loop after each batch of which nothing is left. *)

val map_s : ('a -> 'b Lwt.t) -> 'a t -> 'b t
(** [map_s f s] is the stream of the values of [f x] for each element [x] of [s], in their
    order. [f] is called when somebody waits for the element, for one element at a time:
    its last promise is resolved before it is called again. If [f] raises or its promise
    is rejected, the stream fails with that exception.

    Cancelling a call of {!next} does not cancel the promise of [f]: its value comes with
    the next call. Closing the stream does.

    @raise Invalid_argument if [s] belongs to another domain, or was moved. *)

(** {1:make Making streams}

    None of these functions waits. The stream belongs to the calling domain. *)

val from : ?close:(unit -> unit) -> (unit -> 'a option Lwt.t) -> 'a t
(** [from f] is the stream of the elements that [f] returns, until it returns [None]. [f]
    is called when somebody waits for an element, and not before its last promise is
    resolved, which is not cancelled. If [f] raises or its promise is rejected, the stream
    fails with that exception.

    [close ()] is called once, on the domain of the stream, when the stream has ended:
    also when it was collected or its domain terminates. What it raises goes to
    [Lwt.async_exception_hook]. It must not refer to the stream, which would then never be
    collected.

    @raise Wrong_thread
      if [close] is given, and the calling thread is not the one that runs the domain's
      loop.
    @raise Domain_terminated if [close] is given, and the domain is terminating. *)

val of_list : 'a list -> 'a t
(** [of_list list] is the stream of the elements of [list]. It copies them into an array.
*)

val of_seq : 'a Seq.t -> 'a t
(** [of_seq seq] is the stream of the elements of [seq], which is evaluated when somebody
    waits for an element: each node once, and no more nodes than the call waits for. If it
    raises, the stream fails, after the elements that came before. *)

val of_lwt_seq : 'a Lwt_seq.t -> 'a t
(** [of_lwt_seq seq] is like {!of_seq}. *)

val of_lwt_stream : 'a Lwt_stream.t -> 'a t
(** [of_lwt_stream stream] is the stream of the elements of [stream]. It takes those that
    are there, at most as many as a call of {!next} or {!next_batch} waits for, and
    otherwise waits for one. So closing it leaves [stream] as it is, with the elements
    that nobody has received from the result. *)

val of_channel : 'a Channel.t -> 'a t
(** [of_channel channel] is the stream of the elements that it receives from [channel],
    until that is closed. There may be other receivers. Closing the stream leaves
    [channel] open: elements are received from it only when a call waits for them, one for
    {!next} and at most [max] for [next_batch ~max], and those that nobody waits for any
    more stay in [channel]. Consumers that take batches, {!to_list} and Rust among them,
    receive up to 64 at a time, which costs less. *)

(** {1 Views}

    A view holds the stream: as long as somebody refers to the view, the stream is not
    collected. What is left of it is closed by {!close}, by the end of {!with_stream}, or
    by the collector when nobody refers to the view. *)

val to_lwt_stream : 'a t -> 'a Lwt_stream.t
(** [to_lwt_stream s] receives the elements of [s] when somebody reads the result. If an
    element was asked for, and the wait is cancelled, the element stays in the result.

    @raise Invalid_argument if [s] belongs to another domain, or was moved. *)

val to_lwt_seq : 'a t -> 'a Lwt_seq.t
(** [to_lwt_seq s] receives the elements of [s] when the result is evaluated. A node keeps
    its element: the sequence has the same elements each time, and the elements that were
    received are in memory as long as somebody refers to a node before them. If several
    evaluations wait for the same node, cancelling one cancels all of them; the element
    comes with the next evaluation.

    @raise Invalid_argument if [s] belongs to another domain, or was moved. *)

(** {1 Between domains}

    {[
      open Lwt.Syntax
      open Lwt_interop

      let () =
        Lwt_interop.run ~domains:1 (fun () ->
            let moved = Stream.move (Stream.of_list [ 1; 2; 3 ]) in
            let* sum =
              Pool.spawn (Pool.default ()) (fun () ->
                  let add sum n = Lwt.return (sum + n) in
                  Stream.fold add 0 (Stream.accept moved))
            in
            assert (sum = 6);
            Lwt.return_unit)
    ]} *)

type 'a moved = 'a Handover.t
(** A stream on its way to another domain. It may be passed to any domain, and must be
    accepted once. If it is collected, the stream is closed. *)

val move : 'a t -> 'a moved
(** [move s] ends the use of [s] on this domain. Its source stays here; the elements that
    are buffered go along. Elements should be immutable, or no longer be used by the
    source.

    @raise Invalid_argument
      if [s] belongs to another domain, was moved, or a promise for its next element is
      pending.
    @raise Wrong_thread if the calling thread is not the one that runs the domain's loop.
    @raise Domain_terminated if the domain is terminating. *)

val accept : 'a moved -> 'a t
(** [accept moved] is the stream on the calling domain. It asks the domain of the source
    for up to 64 elements at a time, in a message. If that domain terminates, the stream
    fails with [Domain_terminated], which names it. If the calling domain terminates, the
    source is closed.

    @raise Invalid_argument if [moved] has been accepted before.
    @raise Wrong_thread if the calling thread is not the one that runs the domain's loop.
    @raise Domain_terminated if the domain is terminating. *)
