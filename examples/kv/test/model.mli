(** A simple model of the server: one map, with a clock that moves when asked to. Random
    commands for the model and the server. *)

open Example_kv

type t

val empty : now:int -> t
(** [empty ~now] is a model without keys at the time [now] in milliseconds. *)

val later : t -> int -> t
(** [later model ms] is the model [ms] milliseconds later. *)

val answer : t -> string list -> t * Reply.t
(** [answer model command] is the model after [command], one of {!gen}, and the reply. *)

val same : Reply.t -> Reply.t -> bool
(** [same a b] is whether two replies are equal, except for the order of the keys of
    [KEYS]. *)

type step = Command of string list | Wait of int

val show : step list -> string
(** [show steps] is the steps as text, one on each line. *)

val gen : step list QCheck.arbitrary
