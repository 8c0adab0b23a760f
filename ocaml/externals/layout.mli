(** The structure of types: everything that decides how their values are represented.

    A type is a number, the index of its description in a table. Types that are equal
    have, as far as possible, the same number, and a recursive type refers to itself by
    its number. *)

type t

val create : Scan.t -> t
(** A table for the types of one file. *)

val add : t -> (Env.t, string) result -> Types.type_expr -> int
(** [add t env ty] is the number of [ty], as it is understood in [env]. If the environment
    could not be read, only the types that OCaml predefines are known, and the others are
    described as unknown for that reason. *)

val abstract : t -> string list
(** The full names of the abstract types of the table. *)

val label : Asttypes.arg_label -> string
(** [""], ["name"] or ["?name"]. *)

val table : t -> Json.t
(** The descriptions, in order of their numbers. *)
