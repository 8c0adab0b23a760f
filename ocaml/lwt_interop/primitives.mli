(** The C primitives of the Rust library, and the only module that converts between types
    unchecked ([Obj.magic]).

    {!Executor} is the main user: once per iteration of the Lwt loop it asks Rust to make
    progress, and carries out what Rust then asks for:

    {[
      let rec run perform batches =
        let filled = Primitives.tick () in
        for i = 0 to (filled / 2) - 1 do
          perform batches.(filled mod 2) i
        done;
        if Primitives.should_continue false then run perform batches
    ]}

    Unless a function says otherwise, only the thread that owns the executor of the
    calling domain may call it. The other side is [runtime/src/entry/primitives.rs]. *)

type handle
(** Rust's record of a domain. It may be used on any thread, and outlives the domain. *)

val initialize : unit -> unit
(** [initialize ()] initialises Rust's side. It must be called once, on the main thread,
    before any other domain exists.
    @raise Failure
      if the Rust archive was built from another version than this library: if one of the
      numbers, names and orders that both state differs. The text has both values. *)

val sigpipe_is_default : unit -> bool
(** [sigpipe_is_default ()] is [true] if SIGPIPE ends the process: it is not ignored, and
    neither OCaml nor C code handles it. Any thread may call it. *)

(** {1 Batches of work for the loop} *)

module Batch : sig
  type t
  (** An array of entries that Rust fills and the loop carries out. See
      [runtime/src/ffi/batch.rs]. *)

  val create : unit -> t
  (** [create ()] is an empty batch. *)

  type kind =
    | Fulfill  (** Fulfil the promise of the call [key] with the content. *)
    | Reject  (** Reject the promise of the call [key] with the content, an exception. *)
    | Apply
        (** Call the {!application} in the content, and report the outcome of its promise
            to the wait [key]. *)
    | Cancel  (** Cancel the promise in the content. *)
    | Forget  (** Rust no longer waits for the promise of the wait [key]. *)

  val key : t -> int -> int
  (** [key batch i] is the key in entry [i]. *)

  val kind : t -> int -> kind
  (** [kind batch i] is the kind of entry [i]. *)

  val take : t -> int -> Obj.t
  (** [take batch i] removes the content of entry [i], so that the batch does not keep it
      alive, and is that content. *)

  val application : Obj.t -> unit -> Obj.t Lwt.t
  (** [application content ()] applies the function in [content] to the arguments in it.
  *)
end

(** {1 Resolvers} *)

(** The resolver of a call's promise, whatever the type of that is. Only the user can make
    sure that the result type of a Rust function matches its [external] declaration. *)
module Resolver : sig
  type t

  val none : t
  (** [none] is no resolver. *)

  val is_pending : t -> bool
  (** [is_pending r] is [true] if [r] is the resolver of a pending promise, and not
      {!none}. *)

  val fulfill : t -> Obj.t -> unit
  (** [fulfill r v] fulfils the promise with [v], which Rust made for it, if it is
      pending. *)

  val reject : t -> exn -> unit
  (** [reject r e] rejects the promise with [e], if it is pending. *)
end

(** {1 The executor of the calling domain} *)

val is_first_thread : unit -> bool
(** [is_first_thread ()] is [true] if the calling thread is the first one of its domain,
    and not one from [Thread.create]. Any thread may call it. *)

external executor_open :
  int ->
  Batch.t ->
  Batch.t ->
  Obj.t Lwt.t ->
  Resolver.t Slot_table.t ->
  (handle * int, string) result = "lwt_interop_executor_open"
(** [executor_open id even odd sample resolvers] makes the executor of the calling domain,
    whose number is [id], and makes the calling thread its owner. Rust makes the promises
    of calls as copies of [sample], a {!Dlwt.keyed_task} of key 0 that nothing else uses,
    and stores their resolvers in [resolvers]. The {!file_descr} becomes readable when
    another thread wakes the sleeping loop. [Error] carries the reason, and the remedy if
    the operating system refused. *)

val file_descr : int -> Unix.file_descr
(** [file_descr fd] is the descriptor number [fd]. *)

val executor_close : unit -> unit
(** [executor_close ()] terminates the executor: drops the domain's tasks and futures, in
    steps between which other domains may collect. *)

val reactor_open : unit -> string
(** [reactor_open ()] gives the calling domain a tokio runtime of its own, if it has none.
    It is empty, or the reason why that failed, with the remedy. *)

val reactor_wait : epfd:int -> instance:int -> milliseconds:int -> Dlwt_epoll.waited
(** [reactor_wait] is the {!Dlwt_epoll.type-waiter} of a domain that has a tokio runtime
    of its own: it runs the tasks of that runtime, and waits in it. Any thread may call
    it: on one that does not own an executor it is [Elsewhere]. *)

val reactor_leave : unit -> unit
(** [reactor_leave ()] says that the loop does not wait in the domain's own tokio runtime
    any more: notifications make the descriptor readable. *)

val jobs_per_round : int
(** The number of jobs that the loop runs before it lets other kinds of work have their
    turn. See [runtime/src/wake/budget.rs]. *)

val end_sleep : unit -> unit
(** [end_sleep ()] says that the loop has returned from its wait, and has run nothing yet.
*)

val refill_budget : unit -> unit
(** [refill_budget ()] renews the budget of time, because the loop has returned from its
    wait. See [runtime/src/wake/budget.rs]. *)

val budget_is_exhausted : unit -> bool
(** [budget_is_exhausted ()] is [true] if it is time for Lwt's own events. *)

val consume_budget : unit -> bool
(** [consume_budget ()] records a unit of work. It is [true] if budget is left. *)

val record_received : unit -> unit
(** [record_received ()] counts a message that the loop has taken from the domain's
    mailbox of OCaml jobs. *)

val should_continue : bool -> bool
(** [should_continue has_work] is [true] if budget is left and there is work: for the
    loop, if [has_work], or for {!tick}. *)

val tick : unit -> int
(** [tick ()] delivers some messages and polls some tasks. It takes back the batch that it
    handed over before, and hands over the other one. The result is twice the number of
    entries in the batch, plus 1 if it is the odd one. *)

val park : unit -> bool
(** [park ()] is [true] if Rust has nothing to do for this domain: the loop may sleep, and
    from now on a notification wakes it. *)

val clear_notification : unit -> bool
(** [clear_notification ()] makes the descriptor unreadable again. It is [false] in a
    forked child process, where the descriptor is the parent's. *)

val cancel_call : int -> unit
(** [cancel_call key] drops the Rust future of the call [key], whose promise was
    cancelled. *)

val release_call : int -> bool
(** [release_call key] makes the key available again, because OCaml has handled the
    outcome of this call, and consumes a unit of the budget, as {!consume_budget} does. *)

val release_wait : int -> unit
(** [release_wait key] makes the key available again: OCaml has removed this wait, which
    Rust gave up. *)

val attach_wait : int -> Obj.t Lwt.t -> unit
(** [attach_wait key p] says that the function that Rust called for the wait [key] has
    returned the promise [p], which is pending. *)

val resolve_wait : int -> bool -> Obj.t -> unit
(** [resolve_wait key true v] says that the promise of the wait [key] is fulfilled with
    [v], and [resolve_wait key false e] that it is rejected with the exception [e]. *)

(** {1 Streams of Rust} *)

type ending =
  | More
  | Finished
  | Failed of exn
      (** What follows a batch: further batches, the end, or a failure. Rust writes and
          reads it. *)

type 'a batch = { elements : 'a array; ending : ending }
(** Elements of a stream. The array of a batch that Rust made may be one of floats. Rust
    writes and reads it. *)

val stream_pull : int -> int -> 'a batch Lwt.t
(** [stream_pull key max] asks the Rust stream [key] for at least one element and at most
    [max], unless it has ended. It must not be called again before the promise is
    resolved. *)

val stream_close : int -> unit
(** [stream_close key] drops the Rust stream [key] now. Does nothing if there is none. *)

type guard
(** A block that is collected with a stream. Then the stream's source is closed. *)

val no_guard : guard
(** No block. *)

val guard : (unit -> unit Lwt.t) -> guard
(** [guard close] has the loop of the calling domain call [close] once the guard has been
    collected, which wakes the loop; unless the domain has terminated. [close] must not
    refer to the guard. To be called on the thread of the loop. *)

(** {1 Functions for any thread} *)

external stream_fitting : 'a array -> int -> int -> int = "lwt_interop_stream_fitting"
[@@noalloc]
(** [stream_fitting elements i max] is the number of elements, from the index [i] on, that
    a batch holds: at least 1 and at most [max], of which there are as many. It ends with
    the element with which it takes 256 KiB, as far as the sizes are known: see
    [runtime/src/ffi/footprint.rs]. *)

val forget : 'a array -> int -> unit
(** [forget elements i] removes the element at the index [i], so that the array does not
    keep it alive; it must never be read again. Does nothing if the elements are floats.
    It neither allocates nor polls. *)

val identified : 'a -> 'a
(** [identified r] is a copy of the record [r] that [compare], [( = )] and [Hashtbl.hash]
    treat as they treat objects: only its second field, an [int], matters to them. The
    fields may hold functions, and may change while they are compared. *)

val notify : handle -> unit
(** [notify handle] wakes the domain's loop, because there is a message in its mailbox. *)

val close_handle : handle -> unit
(** [close_handle handle] records that the domain has terminated. From now on Rust returns
    messages to their senders. *)

val stats : handle -> int array
(** [stats handle] is the content of a {!Handle.stats}. *)

val totals : unit -> int array
(** [totals ()] is the content of a {!Lwt_interop.totals}. *)

val permits : int
(** The number of functions that may wait for a thread of Domain 0's blocking pool. Rust's
    queue has as many: see [runtime/src/ocaml_blocking.rs]. *)

val blocking_pool_submit : unit -> string
(** [blocking_pool_submit ()] makes a thread of Domain 0's blocking pool take one job from
    OCaml's queue, in {!Blocking}. It is [""], or says why the pool has no thread and none
    could be started. *)

(** {1 Channels that Rust has} *)

(** The ring of a channel that Rust code uses, too. Its elements are Rust values. None of
    the functions raises, and none lets an exception in. *)
module Ring : sig
  type t

  val none : t
  (** [none] is no ring. *)

  val is_none : t -> bool
  (** [is_none ring] is [true] if [ring] is {!none}. *)

  val published : 'channel -> t
  (** [published channel] is the first field of the record [channel], a ring. What the
      domain that called {!publish} did before is visible afterwards. *)

  val publish : 'channel -> t -> unit
  (** [publish channel ring] sets the first field of the record [channel]. *)

  type sender
  (** A sender that waits. If it is collected, it is withdrawn some time later. *)

  type receiver
  (** A receiver that waits. If it is collected, it gives up its place some time later. *)

  type sent =
    | Sent
    | Refused  (** The ring is closed. *)
    | Full
    | Sender of unit Lwt.t * sender
        (** The promise is fulfilled when the sender has been accepted, or has come too
            late. *)
    | Not_sent of exn  (** An element does not convert. *)

  type 'a received =
    | Empty
    | Ended  (** The ring is closed and empty. *)
    | Received of 'a
    | Receiver of unit Lwt.t * receiver
        (** The promise is fulfilled when an element is reserved for the receiver, or when
            there will be none. *)
    | Not_received of exn  (** An element did not convert, and is gone. *)

  type settled = Accepted | Too_late  (** The ring was closed. *) | Withdrawn

  val wait : int
  (** The flag of a sender or receiver that waits if it has to. *)

  val array : int
  (** The flag of a sender that sends the elements of an array. *)

  val send : t -> 'a -> int -> sent
  (** [send ring x flags] sends [x]; with {!array} and {!wait}, the elements of [x]. It is
      never [Sender], but with {!wait}, nor [Full] with it. *)

  val receive : t -> int -> int -> 'a received
  (** [receive ring 0 flags] receives an element, and [receive ring max flags] an array of
      at least one and at most [max]. It is never [Receiver], but with {!wait}, nor
      [Empty] with it. *)

  val take : receiver -> 'a received
  (** [take receiver] is what is reserved for [receiver], whose promise is fulfilled. *)

  val abandon : receiver -> unit
  (** [abandon receiver] gives up the place of [receiver], or its reservation. *)

  val settle : sender -> settled
  (** [settle sender] is what has become of [sender], which is withdrawn if it still
      waits. *)

  val close : t -> unit
  (** [close ring] makes [ring] accept no more elements. *)

  val is_closed : t -> bool
  (** [is_closed ring] is [true] once [ring] is closed. *)

  val length : t -> int
  (** [length ring] is the number of elements in [ring]. *)

  (** {2 The elements of a channel of OCaml's}

      Its ring is paused at first: there is no room for others. *)

  val keep : t -> 'a array -> string
  (** [keep ring elements] converts elements of OCaml's channel and keeps them, behind
      those that it has. The result is empty, or says why one does not convert; then it
      keeps none of them. *)

  val unkeep : t -> int -> unit
  (** [unkeep ring n] drops the last [n] elements that are kept. *)

  val put : t -> int -> unit
  (** [put ring n] puts the elements that are kept into [ring], but for the first [n],
      which stay. It neither allocates nor polls. *)

  val forget : t -> unit
  (** [forget ring] drops the elements that are kept. *)

  val resume : t -> unit
  (** [resume ring] puts the elements that are kept into [ring], even if there is no room
      for them, and ends the pause. *)
end
