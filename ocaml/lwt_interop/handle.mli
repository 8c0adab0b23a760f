(** Handles: send work to another domain.

    A handle names a domain that runs a Lwt loop. With it, every domain can run functions
    in that loop, and wait for their results in its own:

    {[
      open Lwt.Syntax
      module Handle = Lwt_interop.Handle

      let () =
        Lwt_interop.run ~domains:1 (fun () ->
            let worker = Lwt_interop.Pool.(handle (default ()) 0) in
            let* id =
              Handle.spawn worker (fun () -> Lwt.return (Domain.self () :> int))
            in
            assert (id = Handle.id worker);
            Lwt.return_unit)
    ]}

    {1 Handles} *)

type t = private Executor.handle
(** A domain that runs, or has run, a Lwt loop. Any domain may keep a handle; it remains
    valid after the domain has terminated. *)

val current : unit -> t
(** [current ()] is the calling domain.

    @raise Wrong_thread if the calling thread is not the one that runs the domain's loop.
    @raise Domain_terminated if the domain is terminating.
    @raise Failure if the operating system has no descriptors or threads left. *)

val id : t -> int
(** [id h] is the number of the domain, [(Domain.self () :> int)] there. No other domain
    of the process ever has the same number. *)

val equal : t -> t -> bool
(** [equal h1 h2] is [true] if both name the same domain. *)

val compare : t -> t -> int
(** [compare h1 h2] orders handles by the numbers of their domains. [Stdlib.compare] and
    [( = )] decide by that number alone too, so handles can be keys of any table:

    {[
      let load : (Lwt_interop.Handle.t, int) Hashtbl.t = Hashtbl.create 8

      let () =
        Lwt_main.run
          (let h = Lwt_interop.Handle.current () in
           Hashtbl.replace load h 1;
           assert (Hashtbl.mem load h);
           Lwt.return_unit)
    ]} *)

val hash : t -> int
(** [hash h] is [Hashtbl.hash h], which depends on the number alone. *)

(** {1 Sending work} *)

val spawn : t -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** [spawn h f] is a promise of the calling domain for the result of [f], which runs in
    the loop of the domain [h]. It is resolved like the promise that [f] returns: with the
    same value, or with the same exception.

    [f] and its result move to another domain, so what they refer to should be immutable,
    or no longer be used by the sender. They must not refer to promises: a promise can
    only be used in its own domain.

    Cancelling the promise cancels the one that [f] has returned; if [f] has not started,
    it never does. If [h] is not in [Lwt_main.run] at the moment, [f] runs when [h] is in
    it next.

    If one of the two domains terminates before there is a result, the promise is rejected
    with [Domain_terminated], which names that domain. If the caller's domain terminates,
    [f] continues. If [h] terminates and [f] is a function that never waits (its promise
    is resolved when it returns), [f] has not run, and can safely be sent to another
    domain.

    @raise Wrong_thread if the calling thread is not the one that runs its domain's loop.
    @raise Domain_terminated if the calling domain is terminating. *)

val post : t -> (unit -> unit) -> bool
(** [post h f] sends [f] to the loop of [h], and is [true] if [h] accepted it. It is
    [false] if [h] has terminated; then [f] is never called. It may be [true] although [h]
    terminates before [f] could run. An exception that [f] raises goes to the
    [Lwt.async_exception_hook] of [h].

    Every thread of every domain may call it, with or without a Lwt loop. *)

(** {1 Termination} *)

val is_alive : t -> bool
(** [is_alive h] is [true] if [h] accepts work. [h] may terminate immediately afterwards.
    Once [is_alive h] or [post h f] has been [false], both remain so. *)

val terminated : t -> unit Lwt.t
(** [terminated h] is fulfilled when [h] has terminated: it accepts no more work, and its
    [Domain.join] returns when its systhreads have ended. Cancelling the promise only ends
    the wait. The same errors as for {!spawn}.

    It is meant for other domains: a domain cannot wait for its own termination. *)

(** {1 Statistics} *)

type stats = {
  polls : int;  (** Polls of Rust tasks. *)
  messages_in : int;  (** Messages received from other domains and threads. *)
  messages_out : int;
      (** Messages sent to other domains, by the thread that runs this domain's loop. *)
  wakeups : int;  (** Times that the loop slept and was woken. *)
  alive : float;  (** Seconds since the domain first ran a loop or called Rust. *)
  busy : float;  (** Seconds, out of [alive], in which the loop did not sleep. *)
}
(** What a domain has done so far. *)

val stats : t -> stats
(** [stats h] is what [h] has done so far. Any thread of any domain may call it. *)
