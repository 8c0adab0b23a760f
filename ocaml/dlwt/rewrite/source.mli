(** OCaml sources: reading and parsing. *)

val read : string -> string
(** [read file] is the content of [file]. *)

val is_interface : string -> bool
(** [is_interface file] is [true] if [file] is named [*.mli]. *)

val iter : Ast_iterator.iterator -> file:string -> string -> unit
(** [iter it ~file source] parses [source], the content of [file], and runs [it] over it.
    Reports a syntax error as a {!Problem}. *)

val line_directive : file:string -> line:int -> string
(** [line_directive ~file ~line] is text, on lines of its own, after which the compiler
    counts lines from [line] of [file]. *)
