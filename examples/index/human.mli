(** Numbers as people read them. *)

val count : int -> string
(** [1,234,567] *)

val bytes : int -> string
(** [12.3 MB] *)

val percent : float -> string
(** [percent 0.5] is [50 %]. *)
