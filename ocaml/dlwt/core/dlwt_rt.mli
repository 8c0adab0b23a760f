(** What the generated Lwt, and libraries that add state to it, need to know about
    domains: cells with one value per domain, what to do when a domain starts with Lwt and
    when it ends, and whose a promise is. *)

(** {1 One value per domain} *)

type 'a key

val key : (unit -> 'a) -> 'a key
(** A value that each domain makes for itself at its first {!get}. *)

val inherited : (unit -> 'a ref) -> 'a ref key
(** A setting: a new domain starts with a copy of what its parent had when it called
    [Domain.spawn]. *)

val get : 'a key -> 'a
(** The calling domain's value. *)

val is_set : 'a key -> bool
(** Whether the calling domain has made its value. On an OCaml whose tables are unknown:
    always. *)

type 'a eager_key

val eager_key : (unit -> 'a) -> 'a eager_key
(** [eager_key init] is a value that every domain has from its first instruction on, so
    that {!get_eager} needs no test. [init] runs in the parent, inside [Domain.spawn]: it
    has to be cheap and must not depend on the domain it runs in.

    @raise Failure
      after the first [Domain.spawn]: a domain that already runs would not have the value.
      Call it when your module is initialised. *)

val get_eager : 'a eager_key -> 'a
(** The calling domain's value: two loads.

    It must not be called in a finaliser or an OCaml signal handler unless {!is_ready}. *)

val is_ready : unit -> bool
(** Whether the calling domain has the values of eager keys. False only in a finaliser or
    an OCaml signal handler that the runtime runs in a domain which [Domain.spawn] is just
    starting: it takes over the finalisers of domains that have ended. Then no function of
    Lwt may be called, except [Lwt_unix.send_notification]. *)

(** {1 A domain's life} *)

val is_main : unit -> bool
(** Whether the caller is in the initial domain. *)

val domain : unit -> int
(** The calling domain's number, as in [Domain.self]. No two domains of a process share
    one. *)

val each_domain : (unit -> unit) -> unit
(** [each_domain f] calls [f] now, and later in every other domain when that domain first
    calls [Lwt_main.run], registers an exit hook with Lwt or makes an output channel, in
    the order of registration. If [f] raises, whatever started it does, and the next
    attempt goes on with [f]. Meant for module initialisation.

    @raise Failure outside the initial domain. *)

val start : unit -> unit
(** Runs what {!each_domain} registered, once per domain. Lwt calls it. *)

val at_domain_exit : priority:int -> (unit -> unit) -> unit
(** [at_domain_exit ~priority f] runs [f] in the calling domain when that domain ends,
    lower priorities first, and within a priority in the order of registration; for the
    initial domain, when the process exits ([Stdlib.at_exit]). An exception of [f] is
    reported on [stderr] and does not keep the others from running.

    dlwt itself uses 10 for the hooks of [Lwt_main.at_exit], 20 to dismiss the threads of
    [Lwt_preemptive], 80 to close the domain's mailbox and give back its signals, 90 to
    destroy its engine. At priorities below 80 [Lwt_main.run] still works. *)

val hooks_priority : int
(** 10. *)

val run_exit_actions : up_to:int -> unit
(** Runs the calling domain's exit actions of priorities up to that one, once and for all.
*)

val leave_running : unit -> unit
(** In the initial domain, when the process exits: its exit actions are not run, since
    another of its threads is in the loop, which nothing may be taken from. *)

(** {1 Owners} *)

type owner
(** A domain, as the owner of promises. *)

val self : unit -> owner
(** The calling domain. *)

val here : unit -> owner
(** As {!self}, for comparisons by [==] only: it may not have its number yet. *)

val is_self : owner -> bool
(** Whether the caller is in that domain: [owner == here ()], which is cheaper where it is
    the condition of an [if]. *)

val has_ended : owner -> bool
(** Whether the domain's exit actions have all run. *)

val owner_domain : owner -> int
(** The owner's domain number. *)

val owner_of_domain : int -> owner
(** The domain of that number, for messages: nothing {!is_self} that has ended. *)

val owner_name : owner -> string
(** For messages: ["domain 3"], or ["domain 3 (which has ended)"]. *)

val foreign : owner -> string -> exn
(** [foreign owner what] is an [Invalid_argument]: [what], such as
    ["Lwt: this pending promise"], belongs to [owner] and was used in the calling domain.
*)

val refuse : owner -> string -> 'a
(** Raises {!foreign}. *)

val check : owner -> string -> unit
(** {!refuse}s if the caller {!is_self} not. *)

(** {1 Claims}

    Whose a structure is that nothing ties to the domain which makes it, such as a mutex:
    the first domain's that uses it. Module-level ones are often made in one domain and
    used in another. *)

type claim

val unclaimed : unit -> claim
(** Nobody's so far. *)

val claimant : claim -> owner
(** The domain whose it is, to be compared with {!here}, or an owner that is no domain. *)

val claim : claim -> idle:(unit -> bool) -> string -> unit
(** Makes it the calling domain's, if it is nobody's, or if its domain has ended and left
    the structure [idle].

    @raise Invalid_argument
      if it belongs to another domain; the message begins with the text and names both. *)
