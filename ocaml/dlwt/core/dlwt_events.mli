(** Runtime events. *)

val available : bool
(** [true] if this Lwt reports runtime events (Lwt 6). *)
