(** Notifications: how another thread, another domain or a signal reaches a domain's loop.

    Each domain has a mailbox that its engine waits for. A notification's id names the
    mailbox that it belongs to, so that any thread can send it.
    [Lwt_unix.make_notification] and its companions are these functions.

    {[
      let id = Dlwt_mailbox.make ~once:true (fun () -> Lwt.wakeup resolver ()) in
      ignore (Thread.create (fun () -> Dlwt_mailbox.send id) ())
    ]} *)

type id = int

val make : ?once:bool -> ?at_close:(unit -> unit) -> (unit -> unit) -> id
(** [make handler] is a new notification of the calling domain. With [~once:true] it is
    removed when [handler] first runs. If it still exists when the domain closes its
    mailbox, [at_close] is called instead, which must not raise. *)

val stop : id -> unit
(** [stop id] removes the notification. Does nothing if it belongs to another domain. *)

val set : id -> (unit -> unit) -> unit
(** [set id handler] replaces the handler.

    @raise Not_found if the calling domain has no such notification. *)

val call : id -> unit
(** [call id] runs the handler now, or {!send}s the notification if it belongs to another
    domain. *)

val send : id -> unit
(** [send id] has the handler run by its domain's loop. Callable from any thread, domain
    or signal handler. Does nothing if that domain's mailbox is closed. *)

val send_at_thread_end : id -> unit
(** [send_at_thread_end id] sends the notification when the calling thread of the
    operating system ends. When that is the thread that a domain began with, [Domain.join]
    returns at once then: the domain's exit functions have run, its systhreads have ended,
    and OCaml has given up its heap. Of the process's first thread nothing is sent. *)

val address : unit -> id
(** [address ()] is an id that names the calling domain's mailbox and no handler.

    @raise Failure if the domain is terminating and its mailbox is closed. *)

val is_open : unit -> bool
(** Returns whether the calling domain has a mailbox: it has used Lwt and is not
    terminating. *)

val can_open : unit -> bool
(** Opens the calling domain's mailbox if necessary. Returns [false] if it has been closed
    already or cannot be opened, for example because no descriptor is left. *)

val before_close : (id -> unit) -> unit
(** [before_close f] calls [f address] in each domain just before its mailbox closes. For
    modules whose C code uses the address. Call it while modules are initialised. *)

val run_received : unit -> unit
(** Runs the handlers that were received together with the calling one and have not run
    yet. A handler calls it before it runs the loop itself. *)

val dropped : unit -> int
(** Returns the number of notifications that were sent to closed mailboxes, in the whole
    process. *)

val after_fork : unit -> unit
(** Replaces the calling domain's eventfd in a forked child, and drops what was sent in
    the parent. *)
