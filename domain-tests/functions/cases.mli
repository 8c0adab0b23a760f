(** Every case. *)

val all : scale:int -> Everywhere.case list
(** What is done many times is done [scale] times less often. *)
