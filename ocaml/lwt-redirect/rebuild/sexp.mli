(** The S-expressions of the files that dune installs. *)

type t = Atom of string | List of t list

exception Malformed

val of_string : string -> t list
(** The expressions in a text. Raises [Malformed] if it is not one of S-expressions. *)

val fields : string -> t -> t list list
(** [fields name record] are the fields of that name of a list of fields, without the
    name. *)

val atoms : t list -> string list
(** The atoms of a list, without what is no atom. *)
