(** Promises and callbacks between OCaml and Rust. *)

val all : (Operation.t * int) list
(** The operations, and how often each is chosen. *)
