(** Work whose amount is known: so many rounds of integer arithmetic, which take as long
    wherever they run, allocate nothing, and are the same however often they are
    interrupted. *)

val run : rounds:int -> int
(** Does that many rounds. The result depends on each of them. *)

val calibrate : unit -> float
(** How many rounds one core does in a microsecond. Takes a tenth of a second, and
    measures the CPU time of the process, so nothing else should run in it. *)

val of_us : rounds_per_us:float -> int -> int
(** The number of rounds that take so many microseconds. *)
