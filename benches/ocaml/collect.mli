(** Collections of an empty heap, which cost what it costs to stop all domains. *)

val minor : int -> unit
(** [minor n] runs [n] minor collections. *)
