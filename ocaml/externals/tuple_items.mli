(** The components of a tuple type, whose representation depends on OCaml's version. *)

val types : Types.type_expr -> Types.type_expr list option
(** [types ty] is [None] if [ty] is not a tuple. *)
