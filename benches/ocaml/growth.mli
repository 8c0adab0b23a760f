(** How costs grow with what there is: see [--help]. A name is a curve's and a place. *)
