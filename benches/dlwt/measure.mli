(** The harness of the benchmarks of dlwt. It reports a benchmark as a line of JSON. *)

type t = {
  name : string;
  iterations : int;  (** operations of a round, which takes about 0.1 s *)
  run : int -> unit;  (** [run n] does [n] operations *)
}

val main : t list -> unit
(** [main benches] parses the command line and runs those of [benches] that it names. See
    [--help]. [--iterations N] is for tools that count instructions. *)
