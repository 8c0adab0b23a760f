(** Operations of Lwt itself. *)

val all : (Operation.t * int) list
(** The operations, and how often each is chosen. *)

val detach : Operation.t
(** Runs a function with [Lwt_preemptive], which makes its domain take 50 ms to terminate.
*)
