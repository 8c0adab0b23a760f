open Benches_harness

val benches : Bench.t list
(** The longest time in which a domain's loop, or a collection, waits for a step of the
    library. *)
