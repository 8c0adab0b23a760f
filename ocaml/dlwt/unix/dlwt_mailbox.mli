(** Notifications: how another thread, another domain or a signal reaches a domain's loop.
    Each domain has a mailbox that its engine watches; the number of a notification says
    which mailbox it goes to. [Lwt_unix.make_notification] and its companions are these
    functions. *)

type id = int

val make : ?once:bool -> ?at_close:(unit -> unit) -> (unit -> unit) -> id
(** A notification of the calling domain. If it is still there when the domain closes its
    mailbox, [at_close] is called: the handler will not be any more. It must not raise. *)

val stop : id -> unit
(** Forgets it. Does nothing for another domain's. *)

val set : id -> (unit -> unit) -> unit
(** @raise Not_found if the calling domain has no such notification. *)

val call : id -> unit
(** Runs the handler now; {!send}s if it is another domain's. *)

val send : id -> unit
(** Has the handler run by its domain's loop. Callable anywhere. If that domain's Lwt has
    ended, nothing happens. *)

val address : unit -> id
(** A number that stands for the calling domain's mailbox and for no handler.

    @raise Failure if the domain is ending and its mailbox has been closed. *)

val is_open : unit -> bool
(** Whether the calling domain has a mailbox: it has used Lwt, and is not ending. *)

val can_open : unit -> bool
(** Opens the calling domain's mailbox if need be. False if it has been closed, or if that
    fails, for want of descriptors perhaps. *)

val before_close : (id -> unit) -> unit
(** [before_close f] calls [f address] in each domain just before its mailbox closes. For
    modules whose C code uses the address. Call it while modules are initialised. *)

val run_received : unit -> unit
(** Runs the handlers of the batch in which the caller is one. To be called before such a
    handler runs the loop itself. *)

val dropped : unit -> int
(** How many notifications the process has sent to mailboxes that were closed. *)

val after_fork : unit -> unit
(** Starts anew in a forked child. *)
