(** Samples of a benchmark. *)

type samples = {
  own : float list;  (** one for each round *)
  baseline : float list;
      (** the baseline of each round: the mean of a sample just before and one just after;
          empty without a baseline *)
}

val samples : quick:bool -> Bench.t -> samples
(** [samples ~quick bench] measures [bench]. If [quick], it only checks that the benchmark
    runs, and the samples mean nothing. *)

val repeat : Bench.t -> times:int -> unit
(** [repeat bench ~times] does an operation exactly [times] times, for tools that count
    instructions. It does nothing if [bench] is not an operation. *)
