(** Timers of a loop: a binary heap, earliest first, on the clock that only goes forward.
    Starting one that is due later than the others, and stopping one, moves few others. *)

type t
type timer

val create : unit -> t

val start : t -> delay:float -> repeat:bool -> (unit -> unit) -> timer
(** Runs the function after that many seconds, or every so many. *)

val stop : t -> timer -> unit
(** Forgets it, and what it would run. Nothing happens if it is not there any more. *)

val milliseconds : t -> int
(** How long a wait may take until something is due, rounded up; -1 if nothing ever is. *)

val run : t -> unit
(** Runs what is due, those of one moment as they were started. A timer that is started
    meanwhile, or repeats, is not due again in the same run. *)
