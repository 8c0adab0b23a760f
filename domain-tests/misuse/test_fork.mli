(** What a forked process may do: a program of its own. *)
