(** Rewrites expressions: reads and writes of values that have become per-domain. Each
    function also visits the subexpressions. *)

open Parsetree

val expression : Scope.t -> Ast_iterator.iterator -> expression -> unit
(** Visits an expression. *)

val given_function : Scope.t -> Ast_iterator.iterator -> string -> value_binding -> unit
(** [given_function scope it name binding] visits the definition of [name], a function
    that takes the record as an argument. *)

val case : Scope.t -> Ast_iterator.iterator -> case -> unit
(** Visits a case of a [match], [try] or [function]. *)
