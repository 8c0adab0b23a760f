(** The program that the dune rules run. *)
