(** Keys, and the slots that contain them. *)

type t = private { text : string; hash : int  (** 30 bits, others in each process *) }

val of_string : string -> t

val slots : int
(** The number of slots. A slot and its keys belong to one domain at a time. *)

val slot : t -> int
(** [slot key] is the slot of [key], from 0. It never changes. *)
