(** The one construct of the rewritten sources whose syntax tree depends on OCaml's
    version: dune chooses the implementation. *)

val body : Parsetree.expression -> Parsetree.expression option
(** [body e] is [Some e'] if [e] is [M.(e')] or [let open M in e']. *)
