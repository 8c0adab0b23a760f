(** Signals for every domain: each domain that has set a notification for a signal
    receives it. Its subscriptions end with the domain. When a signal has no subscriber
    left, its default action returns.

    {[
      let id = Dlwt_mailbox.make (fun () -> prerr_endline "SIGUSR1") in
      Dlwt_signals.set Sys.sigusr1 id ~forwarded:false
    ]} *)

val set : int -> Dlwt_mailbox.id -> forwarded:bool -> unit
(** [set signum id ~forwarded] sends the notification [id] of the calling domain whenever
    the process receives the signal. It replaces the domain's previous notification for
    that signal. [forwarded] means that the domain's engine catches the signal itself and
    calls {!handle}, so that no handler is installed.

    @raise Failure if the domain is terminating and its mailbox is closed.
    @raise Unix.Unix_error if the signal cannot be caught. *)

val remove : int -> unit
(** [remove signum] ends the calling domain's subscription. *)

val handle : int -> unit
(** [handle signum] notifies all subscribers. For an engine that has caught the signal. *)
