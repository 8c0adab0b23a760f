(** OCaml sources: reading and parsing. *)

val read : string -> string

val is_interface : string -> bool
(** By the name of the file. *)

val iter : Ast_iterator.iterator -> file:string -> string -> unit
(** Parses a source, which is said to be from [file], and runs the iterator over it. A
    syntax error is a {!Problem}. *)

val line_directive : file:string -> line:int -> string
(** Text to insert, on lines of its own, so that the next line is said to be that one. *)
