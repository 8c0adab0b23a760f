(** Keys, and the slots that they are in. *)

type t = string

val slots : int
(** How many slots there are. A slot and what is in it belong to one domain at a time. *)

val slot : t -> int

module Table : Hashtbl.S with type key = t
