(** Code that blocks, on Domain 0. *)

val run : (unit -> 'a) -> 'a Lwt.t
(** [run f] runs [f] on a thread of Domain 0 that may block: it waits for files, locks or
    processes without stopping any domain's loop. At most four run at a time; the others
    queue. To be called in the loop of any domain; the promise is the caller's, and gets
    what [f] returns or raises. Cancelling it keeps [f] from starting; once started, it
    runs to its end.

    [f] cannot use promises, and computes at the expense of Domain 0's loop.

    @raise Wrong_thread on a thread of the domain that is not its loop's. *)
