(** What is wrong with a rewrite: collected, so that one run shows everything, and
    reported the way the compiler does, so that dune and editors find the place. *)

type place = { file : string; line : int }

val at : place -> ('a, unit, string, unit) format4 -> 'a
(** Records a problem. *)

val stop : place -> ('a, unit, string, 'b) format4 -> 'a
(** Records a problem that leaves nothing to go on with, and exits. *)

val of_location : Location.t -> place

val exit_if_any : unit -> unit
(** Prints the problems to [stderr] in order of file and line, and exits with code 1 if
    there are any. *)
