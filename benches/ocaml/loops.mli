(** Iterations of the Lwt loop. *)

val watch_idle : int -> unit
(** [watch_idle count] makes the loop of the calling domain watch [count] descriptors that
    never become ready. *)

val benches : Benches_harness.Bench.t list
