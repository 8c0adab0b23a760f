(** The command line of a program of benchmarks: see [--help]. *)

val main : Bench.t list -> unit
