(** What Lwt and plain calls cost: what ours are compared with. *)

open Benches_harness

val lwt_bind : Bench.t
(** [Lwt.return i >>= f] *)

val lwt_wakeup : Bench.t
(** A promise, a function that waits for it, and its fulfilment. *)

val lwt_pause : Bench.t
(** [Lwt.pause] and its fulfilment, without a loop. *)

val lwt_cancel : Bench.t
(** A promise that is cancelled. *)

val c_call : Bench.t
(** A function that is not OCaml's, and does nothing. *)
