(** The executor of the calling domain: how Rust's tasks and other domains' messages get
    their turn in its Lwt loop.

    A domain has one from the first time that it runs a Lwt loop or calls an asynchronous
    Rust function, until it ends. It belongs to the thread that made it. *)

type job = {
  run : unit -> unit;  (** on the domain, in its loop; does not raise *)
  abandon : unit -> unit;  (** instead of [run], if the domain ends first *)
}
(** Work for a domain: exactly one of the two functions is called, once. *)

type handle = { id : int; raw : Raw.handle; inbox : job Mpsc.t }
(** A domain, for others. *)

val current : unit -> handle
(** The calling domain's, made if there is none.

    @raise Errors.Wrong_thread if it belongs to another thread of this domain.
    @raise Errors.Domain_terminated if the domain is ending.
    @raise Failure if the operating system refuses what an executor needs. *)

val post : handle -> job -> bool
(** Sends work to a domain. Any thread. [false] if the domain has ended: neither function
    is called. *)

val while_alive : (exn -> unit) -> unit -> unit
(** [while_alive f] sees to it that [f (Domain_terminated id)] is called if the calling
    domain ends before the result is called. *)
