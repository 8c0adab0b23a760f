(** Handlers that compute, on one domain and on two, and what OCaml and the machine have
    to give. *)

val handle : unit -> unit Lwt.t
(** What a handler does: yields to Rust, and computes for about 50 us. *)

val benches : Benches_harness.Bench.t list
