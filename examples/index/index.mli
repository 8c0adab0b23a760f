(** The command line. *)
