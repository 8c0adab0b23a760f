(** The executor of the calling domain: how Rust's tasks and other domains' messages get
    their turn in its Lwt loop.

    A domain has one from the first time that it runs a Lwt loop or calls an asynchronous
    Rust function, until it ends. It belongs to the thread that made it. *)

type fate =
  | Deliver  (** on the domain, in its loop *)
  | Abandon  (** the domain ends instead *)

type job = fate -> unit
(** Work for a domain: called exactly once, and does not raise. *)

type handle = { id : int; raw : Raw.handle; inbox : job Mpsc.t }
(** A domain, for others. *)

val current : unit -> handle
(** The calling domain's, made if there is none.

    @raise Errors.Wrong_thread if it belongs to another thread of this domain.
    @raise Errors.Domain_terminated if the domain is ending.
    @raise Failure if the operating system refuses what an executor needs. *)

val post : handle -> job -> bool
(** Sends work to a domain. Any thread. [false] if the domain has ended: the job is not
    called. *)

type watch
(** What is told of a domain's end. *)

val watch : unit -> watch
(** One that no domain knows of yet. *)

val while_alive : watch -> (exn -> unit) -> unit
(** [while_alive w f] sees to it that [f (Domain_terminated id)] is called if the calling
    domain ends before it is told to {!forget} [w]. Once for each watch, by a thread that
    {!current} has accepted. *)

val forget : watch -> unit
(** Once or more often, or without {!while_alive}, on the domain that called that. *)
