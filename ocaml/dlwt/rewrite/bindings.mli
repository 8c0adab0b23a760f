(** The names that a piece of syntax binds, and whether its value can hold state. *)

open Parsetree
module Names : Set.S with type elt = string

val pattern_name : pattern -> string option
(** [pattern_name p] is the name that a simple pattern ([x], [(x : t)]) binds. *)

val pattern_names : pattern -> Names.t
(** [pattern_names p] is the set of all names that [p] binds. *)

val value_names : value_binding list -> Names.t
(** [value_names bindings] is the set of all names that [bindings] bind. *)

val item_names : structure_item -> string list
(** [item_names item] are the names of [item] in a specification: the values that it
    binds, [()] for a [let] that binds none, or [type:t], [class:c], [module:M]. *)

val longident : Longident.t -> string
(** [longident l] is its text, such as [M.x], or [""] if [l] contains an application. *)

val stateless : expression -> bool
(** [stateless e] is [true] if the value of [e] certainly holds no mutable state: [e] is a
    function, a constant, a name, or a constructor of those. *)

val stateless_module : module_expr -> bool
(** [stateless_module m] is [true] if [m] certainly has no state, apart from the items of
    its structure, which are checked one by one. *)
