(** Set-up that OCaml's signal handlers do not interrupt.

    {[
      let key = Dlwt_rt.key (fun () -> Dlwt_signal_mask.with_all_blocked open_mailbox)
    ]} *)

val with_all_blocked : (unit -> 'a) -> 'a
(** [with_all_blocked f] is [f ()], called with all signals blocked in the calling thread,
    so that no signal handler can raise between the making of a resource and the
    registration of what releases it. A handler may raise when the signals are unblocked:
    then the result is lost, but not the registration. *)

val spawn : ((unit -> unit) -> 'a) -> 'a Domain.t
(** [spawn body] is [Domain.spawn (fun () -> body unblock)], with all signals blocked in
    the new domain until it calls [unblock ()], which a handler may leave with an
    exception. So no signal handler can keep [body] from being called, or raise before it
    has arranged that someone learns of its end.

    Raises what [Domain.spawn] raises. *)
