(** Domains that serve: each runs a Lwt loop until the pool is shut down. *)

type t

exception Shut_down
(** The pool takes no more work. *)

val create : ?domains:int -> ?minor_heap:int -> unit -> t
(** Starts domains, [Domain.recommended_domain_count ()] of them unless told otherwise,
    and waits until each can take work. The calling domain is not one of them.

    [minor_heap] is the size of each one's minor heap in words, otherwise that of every
    new domain: 256k, or what [OCAMLRUNPARAM=s=] says. A minor collection of one domain
    stops all of them, so domains that allocate much want few: a few million words each,
    and as much in the calling domain ([Gc.set]).

    @raise Invalid_argument if [domains] or [minor_heap] is less than 1.
    @raise Failure
      if OCaml refuses a domain (there are at most 128 at a time unless [OCAMLRUNPARAM=d=]
      says more), or a domain cannot have an executor; those that were started have been
      ended. *)

val size : t -> int
(** How many domains it has. *)

val handle : t -> int -> Handle.t
(** [handle pool i] is its domain [i], counted from 0.

    @raise Invalid_argument if there is none. *)

val spawn : t -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** Runs a function on the domain with the fewest functions under way. See
    {!Handle.spawn}. Rejects with {!Shut_down} after {!shutdown}. *)

val spawn_on : t -> int -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** [spawn_on pool i f] runs [f] on domain [i]. *)

val map : t -> ('a -> 'b Lwt.t) -> 'a list -> 'b list Lwt.t
(** Like [Lwt_list.map_p], with the elements dealt out to the domains. *)

val replace : t -> int -> (Handle.t -> unit Lwt.t) -> unit Lwt.t
(** [replace pool i hand_over] puts a new domain into the place of domain [i]. What is
    spawned there from now on runs on the new one, and none of it is lost. Meanwhile
    [hand_over old] may move what the old one has: state, connections. When that is done,
    the old domain finishes what is under way, and ends; the promise is fulfilled when it
    has. It cannot be cancelled.

    If [hand_over] fails, the old domain ends all the same, and then the promise is
    rejected; so it is if the old domain's loop had failed, with that exception.
    {!shutdown} does not wait for [hand_over], and ends the old domain too. To be called
    on the domain that created the pool. Rejects with {!Shut_down} after {!shutdown}, and
    with [Failure], nothing being changed, where {!create} raises it.

    @raise Invalid_argument if there is no domain [i]. *)

val shutdown : ?deadline:float -> ?grace:float -> t -> unit Lwt.t
(** Takes no more work, waits for what is under way, and ends the domains. What other
    domains send meanwhile either runs, as far as the deadline lets it, or rejects with
    {!Shut_down}.

    What is still under way after [deadline] seconds is cancelled, as [Lwt.cancel] does
    it; what does not end although it is cancelled is given [grace] seconds (1 unless told
    otherwise) to clean up, then its domain ends and whoever waits for it gets
    {!Errors.Domain_terminated}. Without [deadline] it waits for as long as it takes. A
    function that computes cannot be stopped: its domain ends when it returns.

    Called again, it waits for the same end, and the earlier deadline holds. Cancelling
    the promise only ends the waiting. To be called on the domain that created the pool.

    @raise Invalid_argument if [deadline] or [grace] is negative or not a number. *)

(** {1 The program's pool} *)

val run : ?domains:int -> ?minor_heap:int -> (unit -> 'a Lwt.t) -> 'a
(** [run ~domains main] runs [main] in the calling domain's Lwt loop, with a pool of
    [domains] domains at its side (see {!create}), which is {!default} meanwhile, and is
    shut down at the end.

    @raise Invalid_argument as {!create} does, or if a [run] is under way.
    @raise Failure as {!create} does. *)

val default : unit -> t
(** The pool of the {!run} that is under way. Any domain.

    @raise Invalid_argument if there is none. *)
