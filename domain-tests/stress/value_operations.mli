(** OCaml values that Rust keeps or drops. *)

val all : (Operation.t * int) list
(** The operations, and how often each is chosen. *)
