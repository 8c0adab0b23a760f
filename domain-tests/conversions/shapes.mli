(** Types whose conversions Rust derives. *)

type point = { x : float; y : float }
(** A record of floats only, which OCaml stores unboxed. *)

type leaf = {
  key : string;
  name : string;
  weight : float;
  count : int64 option;
  place : point option;
  tags : int list;
  scores : float array;
  origin : bool * char * int32;
  links : (int * unit) list;
}

type tree =
  | Empty
  | Single of leaf
  | Full
  | Node of tree * (bool, int) result * tree
  | Many of tree array
