(** Where the rewriting of a file is: its specification, its edits so far, and what names
    stand for in the code that is being visited. *)

open Parsetree

type t = private {
  file : string;
  source : string;
  spec : Spec.t;
  edits : Edits.t;
  frame : Frame.t;
  mutable keys : Bindings.Names.t;
      (** names that stand for a key, a cell, a slot or a given function here *)
  mutable defined : Bindings.Names.t;  (** those whose definition was seen *)
  mutable depth : int;  (** 0 in code that runs when the module is initialised *)
}

val create : file:string -> source:string -> Spec.t -> t

val runtime : string
(** The module that the generated code calls. *)

(** {1 Places and edits} *)

val span : Location.t -> int * int
val problem : t -> Location.t -> ('a, unit, string, unit) format4 -> 'a

val around : ?rank:int -> t -> Location.t -> string -> string -> unit
(** As {!Edits.around}. *)

(** {1 Scope} *)

val deeper : t -> (unit -> unit) -> unit
(** Visits code that does not run when the module is initialised. *)

val hiding : t -> Bindings.Names.t -> (unit -> unit) -> unit
(** Visits code in which these names are bound to something else. *)

val hide : t -> Bindings.Names.t -> unit
(** From here on they are. *)

val define : t -> string -> unit
(** From here on the name stands for a key, a cell, a slot or a given function. *)

(** {1 What a name is} *)

val is_cell_or_slot : t -> string -> bool

val keyed_kind : t -> string -> Spec.kind option
(** If it is to become a key. *)

(** What an expression that is just a name stands for; cells and slots with their field.
*)
type meaning =
  | Cell of string
  | Slot of string
  | Given of string
  | Key of string
  | Qualified of string

val meaning : t -> expression -> meaning option

(** {1 Reading} *)

val getter : t -> string -> string
(** The function that reads that key. *)

val read_key : t -> Location.t -> string -> string -> unit
(** [read_key t place name getter]. *)

val use_record : t -> Location.t -> string -> (string -> string) -> unit
(** [use_record t place field text]: as {!Frame.use}. *)
