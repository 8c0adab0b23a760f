(** How benchmarks are measured, and what they have in common. *)

module Bench = Bench
module Native = Native

val main : Bench.t list -> unit
(** The program of these benchmarks: see its [--help]. *)
