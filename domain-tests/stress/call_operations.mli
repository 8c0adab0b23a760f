(** Calls of Rust functions and of the blocking pool, their failures, and their
    cancellation. *)

val all : (Operation.t * int) list
(** The operations, and how often each is chosen. *)
