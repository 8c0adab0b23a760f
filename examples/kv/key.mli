(** Keys, hashed once, and the slots that they are in. *)

type t = private { name : string; hash : int }

val of_string : string -> t

val slots : int
(** How many slots there are. A slot and what is in it belong to one domain at a time. *)

val slot : t -> int
val compare : t -> t -> int

module Table : Hashtbl.S with type key = t
