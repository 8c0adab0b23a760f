(** The command line of the stress example. *)
