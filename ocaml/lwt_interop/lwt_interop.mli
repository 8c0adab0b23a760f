(** Asynchronous Rust and Lwt on every domain.

    An [async fn] of Rust that is marked [#[ocaml_lwt_interop::func]] is an external of
    OCaml that returns a promise:

    {[
      external my_async_func : unit -> unit Lwt.t = "my_async_func"

      let () = Lwt_main.run (my_async_func ())
    ]}

    Every domain can call it: Domain 0, a domain from [Domain.spawn] that runs
    [Lwt_main.run], and the domains of a {!Pool}. Each domain runs its own Lwt loop, which
    also polls the Rust futures of the calls that the domain has made. A promise belongs
    to the domain that made it, and cannot be used in another one. Work and values move
    between domains through {!Handle.spawn}, {!Pool.spawn} and {!Channel}:

    {[
      external my_async_func : unit -> unit Lwt.t = "my_async_func"

      let () =
        Lwt_interop.run ~domains:2 (fun () ->
            Lwt_interop.Pool.spawn (Lwt_interop.Pool.default ()) my_async_func)
    ]}

    [Lwt.cancel], and so [Lwt.pick] and [Lwt_unix.with_timeout], drops the Rust future of
    a call. *)

module Handle = Handle
module Pool = Pool
module Channel = Channel
module Stream = Stream
module Signals = Signals
module Blocking = Blocking

val run : ?domains:int -> ?minor_heap:int -> ?tokio:Pool.tokio -> (unit -> 'a Lwt.t) -> 'a
(** [run ~domains main] is [Pool.run ~domains main]: it runs [main] in the calling
    domain's Lwt loop, next to a pool of [domains] domains, {!Pool.default}. *)

val own_tokio : unit -> unit
(** [own_tokio ()] gives the calling domain a tokio runtime of its own, on its thread,
    whose sockets and timers the domain's loop waits for. To be called before the domain
    first calls a Rust function; [Pool.create ~tokio:`Own] and {!run} do that. Does
    nothing if the domain has one.

    Domains share one tokio runtime otherwise, whose threads wait for sockets and wake the
    domain whose task needs one. With a runtime of its own a domain does that itself,
    without a switch of threads. From then on the runtime is the current one of tokio in
    the domain's [#[func]]s, tasks and callbacks, so their sockets, timers, processes and
    files are served by the domain's loop, and what they pass to [tokio::spawn] runs on
    the domain's thread, between the loop's turns: without OCaml's lock, and so without
    access to OCaml, as on any thread of tokio's. [#[func(tokio)]] and [#[func(blocking)]]
    remain on the shared runtime, and so does what was made before.

    Code that runs on the domain must not enter the runtime by [Handle::block_on], which
    would wait for the loop that it stops. The time in [tokio::spawn]'s tasks does not
    count as busy in {!Handle.val-stats}. When the domain terminates, the runtime drops
    its tasks, and does not wait for its blocking ones.

    @raise Failure
      if the operating system has no descriptor left: a runtime takes six. Also if
      [Lwt_engine.set] has replaced the engine that the domain started with; if it does so
      later, the loop raises it once.
    @raise Wrong_thread
      if the calling thread is not the one that runs the domain's loop, or the domain's
      first one.
    @raise Domain_terminated if the domain is terminating. *)

(** {1 Exceptions} *)

type panic = Errors.panic = {
  message : string;  (** The text that [panic!] was given. *)
  location : string option;  (** Where it was, as [file:line:column]. *)
  backtrace : string option;  (** Rust's backtrace, if [RUST_BACKTRACE] is set. *)
}
(** A panic of Rust code. *)

exception Rust_panic of panic
(** Rust code panicked. Its call fails with this exception; the domain and everything else
    on it continue. *)

exception
  Rust_error of {
    message : string;  (** The error's text. *)
    sources : string list;
        (** The texts of its causes, in Rust the chain of [source()]. *)
    backtrace : string option;
        (** Rust's backtrace of the conversion to an exception, if [RUST_BACKTRACE] is
            set. *)
  }
(** A function that is marked [#[func(raise)]] returned an error. *)

exception Domain_terminated of int
(** The domain with this number has terminated. It was to do the work, or was waiting for
    it. *)

exception Wrong_thread of string
(** A Rust function, {!Handle.current}, or a function of this library that returns a
    promise, was called on a thread that does not run its domain's Lwt loop. The text
    names the domain and the thread, and says what to do. *)

(** {1 Totals} *)

type totals = {
  calls_started : int;  (** Calls of Rust functions that were not ready at once. *)
  calls_resolved : int;  (** Those of them whose promises have been resolved. *)
  late_completions : int;
      (** Outcomes that were dropped: their calls had been cancelled. *)
  roots : int;  (** OCaml values that Rust values keep alive. *)
  slots : int;
      (** Slots in use in the domains' slot maps: for calls whose promises are pending,
          for promises that Rust awaits, and for spawned tasks. *)
  tasks : int;  (** Rust tasks on the domains' executors. *)
  messages : int;  (** Messages from Rust that their domains have not received. *)
  tokio_tasks : int;  (** Tasks on tokio, including the program's own. *)
  domains : int;  (** Domains that have an executor. *)
  blocking_pool_threads : int;
      (** Threads of {!Blocking}'s pool. A thread ends when it has been idle for five
          seconds. *)
  blocking_pool_queue : int;  (** Functions that wait for one of these threads. *)
}
(** Counters of the whole process. *)

val totals : unit -> totals
(** [totals ()] is the state of the counters. They are exact once the domains are idle.
    Then [calls_resolved] equals [calls_started], and the fields from [roots] to
    [tokio_tasks] count only what the program keeps on purpose. *)
