(** Edits of a source text by position. The rest of the text keeps its bytes, and
    therefore its comments and line numbers.

    {[
      let edits = Edits.create () in
      Edits.around edits (8, 11) "(" ")";
      Edits.apply ~file:"a.ml" edits "let x = f y" (* "let x = (f y)" *)
    ]} *)

type t

val create : unit -> t
(** Returns an empty set of edits. *)

type edit
(** An edit, whose text may change until {!apply}. *)

val replace : t -> int * int -> string -> edit
(** [replace t (start, stop) text] replaces that span of the source with [text]. *)

val set_text : edit -> string -> unit
(** [set_text edit text] changes the text of [edit]. *)

val span : edit -> int * int
(** [span edit] is the span that [edit] replaces. *)

val insert : t -> int -> string -> unit
(** [insert t offset text] inserts [text] at [offset]. *)

val around : ?rank:int -> t -> int * int -> string -> string -> unit
(** [around t span before after] inserts [before] and [after] around [span]. Of several
    pairs around one span, the one with the highest [rank] is outermost. *)

val apply : file:string -> t -> string -> string
(** [apply ~file t source] is the edited source. Reports a {!Problem} if edits overlap. *)
