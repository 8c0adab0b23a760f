(** Executors: what runs Rust's tasks and other domains' jobs in a domain's Lwt loop.

    A job may be sent to a domain from any thread:

    {[
      let () =
        Lwt_main.run
          (let finished, resolver = Lwt.wait () in
           let job = function
             | Executor.Run ->
                 if Lwt.is_sleeping finished then Lwt.wakeup_later resolver ()
             | Executor.Cancel -> ()
           in
           assert (Executor.post (Executor.current ()) job);
           finished)
    ]}

    A domain gets its executor when it first runs a Lwt loop or calls Rust, and keeps it
    until it terminates. The executor belongs to the thread that made it, which is the one
    that runs the domain's loop. *)

type fate =
  | Run  (** The job runs, in the loop of the domain. *)
  | Cancel  (** The job does not run, because the domain terminates. *)

type job = fate -> unit
(** Work for a domain. Once it is posted it is called, and called again after each
    exception until it returns: see {!Uninterrupted}. So it continues where an exception
    from a signal handler, for example, has interrupted it, and calls functions of the
    user's only once. *)

type handle = { raw : Primitives.handle; id : int; mailbox : job Mpsc.t }
(** A domain, as other domains refer to it. Handles compare and hash by [id]: see
    {!Primitives.identified}. *)

val current : unit -> handle
(** [current ()] is the calling domain, which gets an executor if it has none.

    @raise Errors.Wrong_thread if the executor belongs to another thread of this domain.
    @raise Errors.Domain_terminated if the domain is terminating.
    @raise Failure if the operating system has no descriptors or threads left. *)

val check_thread : unit -> unit
(** [check_thread ()] does nothing, unless the domain has an executor that belongs to
    another thread.

    @raise Errors.Wrong_thread in that case. *)

val own_tokio : unit -> unit
(** See {!Lwt_interop.own_tokio}. *)

val post : handle -> job -> bool
(** [post handle job] sends [job] to the domain. It is [false] if the domain has
    terminated; then [job] is never called. If it raises, because a signal handler or
    finaliser did, [job] has not been posted. Any thread of any domain may call it. *)

val cancel : 'a Lwt.t -> unit
(** [cancel p] is [Lwt.cancel p], and nothing if [p] belongs to another domain. For
    promises of the user's, which may come from anywhere. *)

val failure : unit -> Uninterrupted.failure
(** [failure ()] is the failure that the calling domain's loop raises before it sleeps
    next: for steps after which it is too late to raise. A domain without a loop has one
    as well, which its loop raises if it gets one. Nothing interrupts [failure ()]: what
    arrives goes into the failure. *)

val raise_if_no_round : Uninterrupted.failure -> unit
(** [raise_if_no_round failure] raises the exception in [failure], if it has one, unless a
    loop does. *)

(** {1 Termination} *)

(** Functions that a domain calls when it terminates. *)
module Exit_hook : sig
  type t
  (** A hook. *)

  val none : t
  (** A hook that is never registered. *)

  val create : unit -> t
  (** [create ()] is a hook that is not registered. *)

  val register : t -> (exn -> unit) -> unit
  (** [register hook f] has [f (Domain_terminated id)] called if the calling domain, whose
      number is [id], terminates before [unregister hook]. To be called once for each
      hook, on a thread that {!current} accepts. *)

  val unregister : t -> unit
  (** [unregister hook] removes [hook], on the domain that registered it. Does nothing if
      it is not registered. It neither allocates nor polls. *)
end
