(** Expressions: reads and writes of what has become per-domain. Both visit what is
    inside. *)

open Parsetree

val expression : Scope.t -> Ast_iterator.iterator -> expression -> unit

val given_function : Scope.t -> Ast_iterator.iterator -> string -> value_binding -> unit
(** The definition of a function that is given the record. *)

val case : Scope.t -> Ast_iterator.iterator -> case -> unit
