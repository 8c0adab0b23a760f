(** One benchmark at a time, by name, reported as a line of JSON. *)

type t = {
  name : string;
  iterations : int;  (** in a round; about a tenth of a second *)
  run : int -> unit;  (** that many *)
}

val main : t list -> unit
(** [--list] prints the names. [NAME] measures it and prints nanoseconds per iteration,
    one sample for each of [--rounds N]; [--quick] makes the rounds shorter.
    [NAME --iterations N] does just [N], for tools that count instructions. *)
