(** The throughput of handlers that compute, on one domain and on two, beside that of
    plain OCaml domains and of plain threads. *)

val handle : unit -> unit Lwt.t
(** [handle ()] is a handler: it yields to Rust, and computes for about 50 us. *)

val benches : Benches_harness.Bench.t list
