(** Pools: domains that each run a Lwt loop until the pool is shut down.

    {[
      open Lwt.Syntax
      module Pool = Lwt_interop.Pool

      let () =
        Lwt_main.run
          (let pool = Pool.create ~domains:2 () in
           let square x = Lwt.return (x * x) in
           let* squares = Pool.map pool square [ 1; 2; 3 ] in
           assert (squares = [ 1; 4; 9 ]);
           Pool.shutdown pool)
    ]}

    A program needs one pool as a rule, and {!run} makes and ends it. *)

type t
(** A pool of domains. *)

exception Shut_down
(** The pool has been shut down and accepts no more work. *)

type tokio = [ `Shared | `Own ]
(** The tokio runtime of a domain: the one that all domains share, or one of its own on
    its thread. See {!Lwt_interop.own_tokio}. *)

val create : ?domains:int -> ?minor_heap:int -> ?tokio:tokio -> unit -> t
(** [create ~domains ()] starts [domains] domains, by default
    [Domain.recommended_domain_count ()], and returns when all of them accept work. The
    calling domain is not one of them. It blocks the calling domain's loop for that time:
    about 0.2 ms for each domain.

    [minor_heap] is the size of each domain's minor heap in words. A minor collection of
    one domain stops all domains, so collections should be rare. By default it is 2M words
    (16 MB), or less so that the minor heaps of all the pool's domains have at most 256 MB
    and a sixteenth of the memory of the machine or the process's control group; but at
    least OCaml's 256k. Memory that a domain has not allocated yet is not used. If
    [OCAMLRUNPARAM=s=] or the calling domain's [Gc.set] have chosen another size than
    OCaml's, it is that size.

    [tokio] is [`Shared] by default.

    @raise Invalid_argument if [domains] or [minor_heap] is less than 1.
    @raise Failure
      if OCaml cannot start another domain (it allows 128 at a time, unless
      [OCAMLRUNPARAM=d=] says more), or the operating system has no descriptors or threads
      for a domain's executor. The domains that were already started have terminated when
      [create] raises.
    @raise Wrong_thread if the calling thread is not the one that runs the domain's loop.
    @raise Domain_terminated if the calling domain is terminating. *)

val size : t -> int
(** [size pool] is the number of domains. *)

val handle : t -> int -> Handle.t
(** [handle pool i] is domain [i] of [pool], counted from 0.

    @raise Invalid_argument if there is no domain [i]. *)

(** {1 Sending work}

    The following functions may be called in the loop of any domain, those of the pool
    included. After {!shutdown} their promises are rejected with {!Shut_down}. Otherwise
    they behave, and raise, like {!Handle.spawn}. *)

val spawn : t -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** [spawn pool f] is a promise for the result of [f], which runs on the domain that has
    the fewest unfinished functions. *)

val spawn_on : t -> int -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** [spawn_on pool i f] is a promise for the result of [f], which runs on domain [i].

    @raise Invalid_argument if there is no domain [i]. *)

val map : t -> ('a -> 'b Lwt.t) -> 'a list -> 'b list Lwt.t
(** [map pool f xs] is the list of the results of [f] for each element, which runs on the
    domain that {!spawn} chooses for it. It is rejected with the exception of an element
    that fails, when all have ended. Cancelling it cancels all elements that have not
    ended. *)

(** {1 Replacing domains} *)

val replace : t -> int -> (Handle.t -> unit Lwt.t) -> unit Lwt.t
(** [replace pool i hand_over] starts a new domain and makes it domain [i] of [pool].
    Functions spawned on domain [i] from then on run on the new domain, and no work is
    lost. Then [replace] calls [hand_over old], which may move state or connections from
    the old domain to the new one. When the promise of [hand_over] is resolved, the old
    domain finishes its work and terminates; then the promise of [replace] is fulfilled.
    That promise cannot be cancelled.

    If [hand_over] fails, the old domain terminates all the same, and the promise is
    rejected afterwards. If the old domain's loop or an exit function has failed, the
    promise is rejected with that exception. {!shutdown} terminates the old domain too,
    without waiting for [hand_over].

    It must be called on the domain that created the pool. The promise is rejected with
    {!Shut_down} after {!shutdown}, and with the [Failure] that {!create} raises if there
    can be no new domain; then nothing has changed.

    @raise Invalid_argument if there is no domain [i]. *)

(** {1 Shutting down} *)

val shutdown : ?deadline:float -> ?grace:float -> t -> unit Lwt.t
(** [shutdown pool] makes [pool] accept no more work, waits until its domains have
    finished theirs, and terminates them. It is fulfilled when they have terminated. Work
    that other domains send meanwhile either runs, subject to the deadline, or is rejected
    with {!Shut_down}.

    With [deadline], work that is unfinished after so many seconds is cancelled, as by
    [Lwt.cancel]. Work that does not finish although it is cancelled has [grace] seconds
    more to clean up, by default 1. Then its domain terminates, and the promises that wait
    for the work are rejected with [Domain_terminated]. Without [deadline], [shutdown]
    waits as long as the work takes. A function that computes without returning to its
    loop cannot be stopped: its domain terminates when the function returns.

    If a domain's loop or an exit function has failed, the promise is rejected with that
    exception once all domains have terminated. If [shutdown] is called again, both calls
    wait for the same termination, and the earlier deadline applies. Cancelling the
    promise only ends the wait. It must be called on the domain that created the pool.

    A domain terminates when its systhreads have ended, such as those of [Lwt_preemptive],
    for which no deadline applies, and after the destructors of its thread's own data.

    @raise Invalid_argument if [deadline] or [grace] is negative or not a number. *)

(** {1 The program's pool} *)

val run : ?domains:int -> ?minor_heap:int -> ?tokio:tokio -> (unit -> 'a Lwt.t) -> 'a
(** [run ~domains main] creates a pool like {!create}, runs [main ()] in the calling
    domain's Lwt loop, shuts the pool down, and returns the result of [main ()] or raises
    its exception. Meanwhile the pool is {!default}. [~minor_heap], or its default, and
    [~tokio:`Own] are for the calling domain as well as for those of the pool; at the end
    the calling domain has the minor heap that it had.

    @raise Invalid_argument like {!create}, or if another [run] has not returned.
    @raise Failure like {!create}. *)

val default : unit -> t
(** [default ()] is the pool of the {!run} that has not returned. Any domain may call it.

    @raise Invalid_argument if there is none. *)
