(** What a piece of syntax binds, and whether it can hold state. *)

open Parsetree
module Names : Set.S with type elt = string

val pattern_name : pattern -> string option
(** The name that a simple pattern ([x], [(x : t)]) binds. *)

val pattern_names : pattern -> Names.t
(** All names that a pattern binds. *)

val value_names : value_binding list -> Names.t

val item_names : structure_item -> string list
(** What a specification calls a structure item: the values it binds, [()] if it is a
    [let] that binds none, or [type:t], [class:c], [module:M]. *)

val longident : Longident.t -> string
(** [M.x]; [""] for what has no such name. *)

val stateless : expression -> bool
(** Whether the value of the expression certainly holds no mutable state: functions,
    constants, names and constructors of those. *)

val stateless_module : module_expr -> bool
(** Whether the module is certainly without state of its own, apart from what the items of
    its structure say. *)
