(** Domains, for the generated Lwt and for libraries that keep state in each domain:
    values of which each domain has its own, code that runs when a domain first uses Lwt
    or terminates, and the domain that owns a promise.

    A library that opens a connection in each domain and closes it when the domain
    terminates:

    {[
      let connection =
        Dlwt_rt.key (fun () ->
            let c = Connection.open_ () in
            Dlwt_rt.at_domain_exit ~priority:50 (fun () -> Connection.close c);
            c)

      let send text = Connection.send (Dlwt_rt.get connection) text
    ]} *)

(** {1 Values of each domain} *)

type 'a key

val key : (unit -> 'a) -> 'a key
(** [key init] is a value that each domain makes with [init ()] at its first {!get}. *)

val inherited : (unit -> 'a ref) -> 'a ref key
(** [inherited init] is a setting: a new domain starts with a copy of the value that its
    parent had when it called [Domain.spawn]. *)

val get : 'a key -> 'a
(** Returns the calling domain's value. *)

val is_set : 'a key -> bool
(** Returns whether the calling domain has made its value. Always [true] with an OCaml
    whose tables are unknown to {!module:Dlwt_slot}. *)

type 'a eager_key

val eager_key : (unit -> 'a) -> 'a eager_key
(** [eager_key init] is a value that every domain has from its first instruction on, so
    that {!get_eager} needs no test. [init] runs in the parent, in [Domain.spawn]: it must
    be cheap and must not depend on the calling domain.

    @raise Failure
      after the first [Domain.spawn], since domains that already run would not have the
      value. Call it while your module is initialised. *)

val get_eager : 'a eager_key -> 'a
(** Returns the calling domain's value, with two loads.

    Must not be called in a finaliser or an OCaml signal handler unless {!is_ready}. *)

val is_ready : unit -> bool
(** Returns whether the calling domain has the values of eager keys. [false] only in a
    finaliser or an OCaml signal handler that the runtime runs in a domain that
    [Domain.spawn] is just starting, because a new domain may adopt the finalisers of
    terminated ones. In that case no function of Lwt may be called, except
    [Lwt_unix.send_notification]. *)

(** {1 A domain's start and termination} *)

val is_main : unit -> bool
(** Returns whether the caller is in the initial domain. *)

val domain : unit -> int
(** Returns the calling domain's number, as [Domain.self] does. A process never uses a
    number twice. *)

val each_domain : (unit -> unit) -> unit
(** [each_domain f] calls [f] now, and later in every other domain when that domain first
    calls [Lwt_main.run], registers an exit hook with Lwt or makes an output channel. Such
    functions run in the order of registration. If [f] raises, so does the function that
    called it, and the next attempt continues with [f]. Call it while modules are
    initialised.

    @raise Failure outside the initial domain. *)

val start : unit -> unit
(** Runs the functions that {!each_domain} registered, once per domain. Called by Lwt. *)

val at_domain_exit : priority:int -> (unit -> unit) -> unit
(** [at_domain_exit ~priority f] runs [f] in the calling domain when that domain
    terminates or, in the initial domain, when the process exits ([Stdlib.at_exit]). Lower
    priorities run first, and equal ones in the order of registration. An exception of [f]
    is reported on [stderr], and the other actions still run.

    dlwt itself uses 10 for the hooks of [Lwt_main.at_exit], 20 to stop the threads of
    [Lwt_preemptive], 80 to close the domain's mailbox and end its signal subscriptions,
    and 90 to destroy its engine. At priorities below 80 [Lwt_main.run] still works. *)

val hooks_priority : int
(** The priority of the hooks of [Lwt_main.at_exit]: 10. *)

val run_exit_actions : up_to:int -> unit
(** [run_exit_actions ~up_to] runs the calling domain's exit actions of priorities up to
    [up_to] and removes them. *)

val insist : ?attempts:int -> ('a -> unit) -> 'a -> unit
(** [insist step x] is [step x], called again after an exception until it has run to its
    end: for a step that continues where a signal handler or finaliser has interrupted it.
    Raises the exception then. [attempts] is 100 by default. *)

val skip_exit_actions : unit -> unit
(** Keeps the exit actions of the initial domain from running when the process exits. For
    an [exit] on one thread of that domain while another is in its loop, whose resources
    must stay. *)

(** {1 Owners} *)

type owner
(** A domain, as the owner of promises. *)

val self : unit -> owner
(** Returns the calling domain. *)

val here : unit -> owner
(** Like {!self}, for comparisons with [==] only: the owner may have no number yet. *)

val is_self : owner -> bool
(** [is_self owner] is [owner == here ()]. The latter is cheaper as the condition of an
    [if]. *)

val has_terminated : owner -> bool
(** Returns whether all exit actions of the domain have run. *)

val owner_domain : owner -> int
(** Returns the owner's domain number. *)

val owner_of_domain : int -> owner
(** [owner_of_domain id] is the domain with that number, for error messages. If no such
    domain runs, it is a terminated one that {!is_self} nowhere. *)

val owner_name : owner -> string
(** [owner_name owner] is ["domain 3"] or ["domain 3 (which has terminated)"]. *)

val foreign_error : owner -> string -> exn
(** [foreign_error owner what] is an [Invalid_argument] whose message says that [what],
    such as ["Lwt: this pending promise"], belongs to [owner] and was used in the calling
    domain. *)

val raise_foreign : owner -> string -> 'a
(** [raise_foreign owner what] raises {!foreign_error}[ owner what]. *)

val check : owner -> string -> unit
(** [check owner what] does nothing if {!is_self}[ owner] and otherwise raises
    {!foreign_error}[ owner what]. *)

(** {1 Claims}

    The owner of a structure that is not tied to the domain that makes it, such as a
    mutex: the first domain that uses it. Structures at module level are often made in one
    domain and used in another. *)

type claim

val unclaimed : unit -> claim
(** Returns a claim without an owner. *)

val claimant : claim -> owner
(** Returns the owner, to be compared with {!here}. An owner that is no domain if there is
    none. *)

val claim : claim -> idle:(unit -> bool) -> string -> unit
(** [claim c ~idle what] makes the calling domain the owner, if there is none, or if the
    owner has terminated and left the structure [idle].

    @raise Invalid_argument
      if another domain owns it. The message begins with [what] and names both domains. *)
