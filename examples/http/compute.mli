(** Work of a known amount: rounds of integer arithmetic, which take the same time on
    every core, allocate nothing, and are the same however often they are interrupted. *)

val run : rounds:int -> int
(** [run ~rounds] does [rounds] rounds. The result depends on each of them. *)

val calibrate : unit -> float
(** [calibrate ()] is the number of rounds that one core does in a microsecond. Takes a
    tenth of a second, and measures the CPU time of the process, so nothing else should
    run in it. *)

val of_us : rounds_per_us:float -> int -> int
(** [of_us ~rounds_per_us us] is the number of rounds that take [us] microseconds. *)
