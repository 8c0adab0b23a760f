(** What the server has to answer, said in the simplest way: one map, and no time passes
    but when told. Random commands for it and for the server. *)

open Example_kv

type t

val empty : now:int -> t

val later : t -> int -> t
(** So many milliseconds later. *)

val answer : t -> string list -> t * Reply.t
(** For the commands of {!gen}. *)

val same : Reply.t -> Reply.t -> bool
(** But for the order of the keys of [KEYS]. *)

type step = Command of string list | Wait of int

val show : step list -> string
val gen : step list QCheck.arbitrary
