(** What waits for descriptors and for time to pass in one domain: the engine that a
    domain starts with, without what [Lwt_engine.abstract] adds.

    One system call for an iteration, one for a registration, and none to stop one: what
    nobody waits for any more is left to the kernel until it shows or is closed.

    Numbers of descriptors are used again. The kernel forgets a file that is closed, so
    each registration asks it anew whether the number is still that of the file it knows;
    if not, what was registered for the closed file never runs. *)

type t

val create : unit -> t
(** @raise Unix.Unix_error if there is no descriptor left. *)

val close : t -> unit

type registration

val on_readable : t -> Unix.file_descr -> (unit -> unit) -> registration
(** Runs the function in each {!iter}, from the next on, that finds the descriptor
    readable or broken. Files that are not waited for (regular ones, as with [select]) are
    always ready. A descriptor that is closed already is ready once. *)

val on_writable : t -> Unix.file_descr -> (unit -> unit) -> registration

val stop : registration -> unit
(** Its function runs no more, not even in the iteration that is going on. *)

val timers : t -> Dlwt_timers.t

val iter : t -> block:bool -> unit
(** Waits, if it may [block], until something is ready or due, and runs what is: timers
    first. What a function raises ends the iteration; the next finds the rest. A signal
    ends the wait.

    After a [fork] the child has a set of its own.

    @raise Unix.Unix_error if the kernel has no memory to watch a descriptor. *)
