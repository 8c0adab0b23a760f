(** Numbers as people read them. *)

val count : int -> string
(** [count 1234567] is ["1,234,567"]. *)

val bytes : int -> string
(** [bytes 1234567] is ["1.23 MB"]. *)

val percent : float -> string
(** [percent 0.5] is ["50 %"]. *)
