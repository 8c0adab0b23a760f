(** What a turn of the Lwt loop costs. *)

val watch_idle : int -> unit
(** The loop of the calling domain watches so many descriptors from now on, on which
    nothing ever happens. *)

val benches : Benches_harness.Bench.t list
