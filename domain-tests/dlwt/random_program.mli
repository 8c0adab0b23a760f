(** Random programs made of Lwt's primitives, which stop with fibers still running. *)

val trace : seed:int -> string
(** [trace ~seed] runs a program for some iterations of the loop and returns the log of
    what it did. The log depends on [seed] only: each random choice depends on all earlier
    events. The program must be the first to use Lwt in its domain or process, because
    [Lwt.pick] has a random state of its own. *)
