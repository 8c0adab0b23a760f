(** Signals by domain: every domain that has set a notification for a signal gets it. When
    a domain ends, its subscriptions do; the last one gives the signal back its default
    action.

    [forwarded] says that the domain's engine catches the signal itself. *)

val set : int -> Dlwt_mailbox.id -> forwarded:bool -> unit
val remove : int -> unit

val handle : int -> unit
(** For an engine that has caught the signal. *)
