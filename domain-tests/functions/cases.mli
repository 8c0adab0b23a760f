(** The cases of all modules of this folder. *)

val all : scale:int -> Everywhere.case list
(** [all ~scale] repeats everything [scale] times less often; see {!Everywhere.scaled}. *)
