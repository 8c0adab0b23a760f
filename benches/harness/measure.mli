(** Takes the samples of a benchmark. *)

type samples = {
  own : float list;  (** one for each round *)
  floor : float list;
      (** the floor's, in the same order: each the mean of one just before and one just
          after; empty without a floor *)
}

val samples : quick:bool -> Bench.t -> samples
(** [quick]: as little as shows that the benchmark works. *)

val repeat : Bench.t -> times:int -> unit
(** Does an operation exactly so many times, for tools that count. Figures do nothing. *)
