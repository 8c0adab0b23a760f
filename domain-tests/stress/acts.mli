(** What domains do. *)

val choose : Choice.t -> Act.t
(** One at random. None of them leaves anything in Domain 0. *)
