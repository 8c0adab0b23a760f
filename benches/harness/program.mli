(** The command line of a program of benchmarks. *)

val main : Bench.t list -> unit
