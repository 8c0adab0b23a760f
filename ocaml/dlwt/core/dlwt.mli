(** Lwt on every domain: what stock Lwt has no words for.

    [Lwt], [Lwt_unix], [Lwt_main] and the others are used as always; each domain that
    calls [Lwt_main.run] has a loop of its own. Promises stay in the domain that made
    them. *)

val is_owner : 'a Lwt.t -> bool
(** Whether the calling domain may use the promise: it made it, or the promise is
    resolved, which makes it a plain value. Safe to ask about any promise. *)

val check_owner : what:string -> 'a Lwt.t -> unit
(** @raise Invalid_argument
      if not {!is_owner}. The message begins with [what] and names both domains. *)

val keyed_task : on_cancel:(int -> unit) -> int -> 'a Lwt.t * 'a Lwt.u
(** [keyed_task ~on_cancel key] is [Lwt.task ()] for work that somebody else does and
    knows by a number: when the promise is cancelled, [on_cancel key] is called, like a
    function given to [Lwt.on_cancel] but before all of those. With an [on_cancel] that
    many tasks share, a task takes 3 words more than without; with a closure for
    [Lwt.on_cancel], 7.

    Unlike such a closure, [on_cancel] is not called when the promise is rejected with
    [Lwt.Canceled] in another way. *)

val set_async_exception_hook : (exn -> unit) option -> unit
(** What the calling domain does with exceptions that nobody awaits, such as those of
    [Lwt.async]. Without a hook of its own a domain calls [!Lwt.async_exception_hook],
    which is one for the whole process and by default ends it. *)

val async_exception_hook : unit -> (exn -> unit) option
(** The calling domain's own hook. *)
