(** The state of the rewriting of a file: its specification, its edits so far, and what
    names denote in the code that is being visited. *)

open Parsetree

type t = private {
  file : string;
  source : string;
  spec : Spec.t;
  edits : Edits.t;
  frame : Frame.t;
  mutable keys : Bindings.Names.t;
      (** the names that denote a key, a cell, a slot or a given function here *)
  mutable defined : Bindings.Names.t;  (** the names whose definition has been visited *)
  mutable depth : int;  (** 0 in code that runs when the module is initialised *)
}

val create : file:string -> source:string -> Spec.t -> t
(** [create ~file ~source spec] is the state before anything is visited. *)

val runtime : string
(** The name of the module that the generated code calls. *)

(** {1 Places and edits} *)

val span : Location.t -> int * int
(** [span loc] is the offsets of its start and end. *)

val problem : t -> Location.t -> ('a, unit, string, unit) format4 -> 'a
(** Like {!Problem.at}. *)

val around : ?rank:int -> t -> Location.t -> string -> string -> unit
(** Like {!Edits.around}. *)

(** {1 Scope} *)

val deeper : t -> (unit -> unit) -> unit
(** [deeper t visit] calls [visit], for code that does not run when the module is
    initialised. *)

val hiding : t -> Bindings.Names.t -> (unit -> unit) -> unit
(** [hiding t names visit] calls [visit], for code in which other values have these names.
*)

val hide : t -> Bindings.Names.t -> unit
(** [hide t names] is for the rest of a scope in which other values have these names. *)

val define : t -> string -> unit
(** [define t name] makes [name] denote a key, a cell, a slot or a given function in the
    rest of the scope. *)

(** {1 The meaning of names} *)

val is_cell_or_slot : t -> string -> bool
(** Returns whether the specification makes a cell or a slot of the name. *)

val keyed_kind : t -> string -> Spec.kind option
(** Returns the kind of key that the specification makes of the name, if any. *)

(** What a name denotes. A cell and a slot have the name of their field. *)
type meaning =
  | Cell of string
  | Slot of string
  | Given of string
  | Key of string
  | Qualified of string

val meaning : t -> expression -> meaning option
(** [meaning t e] is what [e] denotes, if [e] is just a name. *)

(** {1 Reading} *)

val getter : t -> string -> string
(** [getter t name] is the function that reads the key [name]. *)

val read_key : t -> Location.t -> string -> string -> unit
(** [read_key t loc name getter] makes the expression at [loc], which denotes the key
    [name], read that key with [getter]. *)

val use_record : t -> Location.t -> string -> (string -> string) -> unit
(** [use_record t loc field text] is {!Frame.use} of the field [field]. *)
