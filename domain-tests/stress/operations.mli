(** All operations. *)

val choose : Choice.t -> Operation.t
(** A random operation. No operation leaves anything behind in Domain 0. *)
