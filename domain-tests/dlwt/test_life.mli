(** A test program. *)
