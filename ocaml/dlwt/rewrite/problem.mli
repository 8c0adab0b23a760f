(** Errors of a rewrite. They are collected, so that one run reports them all, and printed
    in the compiler's format, so that dune and editors find the place.

    {[
      Problem.at { file = "lwt.ml"; line = 3 } "unknown directive %S" name;
      Problem.exit_if_any ()
    ]} *)

type place = { file : string; line : int }

val at : place -> ('a, unit, string, unit) format4 -> 'a
(** [at place format ...] records a problem. *)

val stop : place -> ('a, unit, string, 'b) format4 -> 'a
(** [stop place format ...] records a problem after which the rewrite cannot continue, and
    exits like {!exit_if_any}. *)

val of_location : Location.t -> place
(** [of_location loc] is where [loc] starts. *)

val exit_if_any : unit -> unit
(** If there are problems, prints them to [stderr], ordered by file and line, and exits
    with code 1. *)
