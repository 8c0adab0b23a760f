(** Domains that take work from other domains. *)

type t = private Executor.handle
(** Names a domain that runs, or has run, a Lwt loop. It may be kept by any domain, and
    outlives the one it names. *)

val current : unit -> t
(** The calling domain.

    @raise Wrong_thread on a thread of the domain that is not its loop's.
    @raise Domain_terminated while the domain ends.
    @raise Failure if the operating system has no descriptor or threads left. *)

val id : t -> int
(** The domain's number, [(Domain.self () :> int)]. It is never used for another domain.
*)

val equal : t -> t -> bool
(** Whether they name the same domain. *)

val is_alive : t -> bool
(** Whether the domain takes work. It may end right after. Never again after {!post} has
    been refused. *)

val spawn : t -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** [spawn domain f] runs [f] in the loop of [domain]. The promise is the caller's: it
    gets the value or the exception of [f]'s. Both cross domains, so they should be
    immutable, or not used by the sender any more; promises stay where they are.

    Cancelling it cancels what [f] returned. If either domain ends first, the promise is
    rejected with {!Errors.Domain_terminated}, which names the one that ended; if it was
    the caller's, [f] goes on. A domain that is not in [Lwt_main.run] at the moment runs
    [f] when it is next.

    Where [f] does not wait, which is where its promise is settled when it returns, the
    end of [domain] means that [f] was not called: it may be tried elsewhere. *)

val post : t -> (unit -> unit) -> bool
(** [post domain f] runs [f] in the loop of [domain], without an answer. [false] if the
    domain has ended. An exception of [f] goes to that domain's
    [Lwt.async_exception_hook]. May be called by any thread of OCaml's, also where there
    is no loop. *)

val ended : t -> unit Lwt.t
(** Fulfilled when the domain has ended: it takes no more work, and [Domain.join] returns
    shortly. On another domain; one cannot wait for one's own end. *)

type stats = {
  polls : int;  (** polls of Rust tasks *)
  messages_in : int;  (** from other domains and threads *)
  messages_out : int;  (** to other domains, by the domain's own thread *)
  wakeups : int;  (** how often its sleeping loop was woken *)
  alive : float;  (** seconds since it first ran a loop or called Rust *)
  busy : float;  (** seconds of them in which its loop did not sleep *)
}
(** What a domain has done so far. *)

val stats : t -> stats
(** May be called by any domain. *)
