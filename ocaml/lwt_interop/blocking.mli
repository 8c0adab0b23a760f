(** Code that blocks, on Domain 0: the blocking lane.

    At most four functions run at a time, on threads of Domain 0 that may wait for files,
    locks or processes without stopping any domain's loop. They cannot use promises, and
    compute at the expense of Domain 0's loop. The others queue, first come first served;
    the queue has 256 places, and {!submit} waits for one.

    The functions below are to be called in the loop of any domain, to which the promises
    belong. Cancelling one keeps its function from starting; once started, it runs to its
    end. If the domain ends first, its functions that have not started never do, and their
    promises are rejected with {!Errors.Domain_terminated}.

    All raise [Wrong_thread] on a thread of the domain that is not its loop's, and reject
    with [Failure] if the operating system has no thread left. *)

val run : (unit -> 'a) -> 'a Lwt.t
(** [run f] runs [f] in the lane. The promise gets what [f] returns or raises, the very
    same value or exception. *)

val submit : (unit -> 'a) -> 'a Lwt.t Lwt.t
(** [submit f] is fulfilled, with the promise that {!run} would have returned, when [f]
    has a place in the queue: who produces work waits for it before the next. *)

val try_submit : (unit -> 'a) -> 'a Lwt.t option
(** [run f] if the queue has a place, otherwise [None] and [f] is not run. *)
