(** Collections of garbage where there is none: what it costs to stop all domains. *)

val minor : int -> unit
(** So many. *)
