(** Edits of a source text by position. Everything that is not edited keeps its bytes, and
    so its comments and its line numbers. *)

type t

val create : unit -> t

type edit
(** One edit; its text may still change until {!apply}. *)

val replace : t -> int * int -> string -> edit
(** [replace t (start, stop) text] puts [text] in place of that span. *)

val set_text : edit -> string -> unit
val span : edit -> int * int
val insert : t -> int -> string -> unit

val around : ?rank:int -> t -> int * int -> string -> string -> unit
(** [around t span before after] encloses the span. Of several texts around one span, the
    one of higher [rank] is outside. *)

val apply : file:string -> t -> string -> string
(** The edited source. Overlapping edits are a {!Problem}. *)
