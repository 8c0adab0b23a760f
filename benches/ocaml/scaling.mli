(** Handlers that compute, on one domain and on two, and what OCaml and the machine have
    to give. *)

val benches : Benches_harness.Bench.t list
