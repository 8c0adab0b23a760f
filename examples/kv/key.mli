(** Keys, and the slots that contain them. *)

type t = string

val slots : int
(** The number of slots. A slot and its keys belong to one domain at a time. *)

val slot : t -> int
(** [slot key] is the slot of [key], from 0. It never changes. *)

module Table : Hashtbl.S with type key = t
