(** Set-up that OCaml's signal handlers do not interrupt.

    {[
      let key = Dlwt_rt.key (fun () -> Dlwt_signal_mask.with_all_blocked open_mailbox)
    ]} *)

val with_all_blocked : (unit -> 'a) -> 'a
(** [with_all_blocked f] is [f ()], called with all signals blocked in the calling thread,
    so that no signal handler can raise between the making of a resource and the
    registration of what releases it. A handler may raise when the signals are unblocked:
    then the result is lost, but not the registration. *)

val with_all_blocked_until : ((unit -> unit) -> 'a) -> 'a
(** [with_all_blocked_until f] is [f unblock], called likewise. [unblock ()] restores the
    calling thread's signals, also in a domain that [f] starts, which inherits that they
    are blocked. So no signal handler can keep the function of a new domain from being
    called, or raise before it has arranged that someone learns of its end. [unblock] may
    raise what a handler raises. *)
