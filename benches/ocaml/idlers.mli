(** What it costs that there are other domains, which do nothing, and what two busy ones
    achieve. *)

val benches : Benches_harness.Bench.t list
