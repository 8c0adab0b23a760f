(** Benchmarks that run the loop: pauses, the thread pool and channels. *)

val all : Measure.t list
