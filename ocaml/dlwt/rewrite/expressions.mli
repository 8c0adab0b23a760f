(** Expressions: reads and writes of what has become per-domain. Both visit what is
    inside. *)

open Parsetree

val expression : Scope.t -> Ast_iterator.iterator -> expression -> unit
val case : Scope.t -> Ast_iterator.iterator -> case -> unit
