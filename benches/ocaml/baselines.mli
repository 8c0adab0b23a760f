(** Baselines: operations of Lwt, of C and of another executor. *)

open Benches_harness

val lwt_bind : Bench.t
(** [Lwt.return i >>= f]. *)

val lwt_wakeup : Bench.t
(** A pending promise with one callback, and its fulfilment. *)

val lwt_pause : Bench.t
(** [Lwt.pause] and its fulfilment, without an iteration of the loop. *)

val lwt_cancel : Bench.t
(** A pending promise, and its cancellation. *)

val c_call : Bench.t
(** A call of a C function that returns its argument. *)

val c_call_noalloc : Bench.t
(** The same with [[@untagged]] and [[@@noalloc]]: the least that a call can cost. *)

val local_executor : Bench.t
(** A task of [async_executor::LocalExecutor] that yields once. *)

val tokio_current_thread : Bench.t
(** A task of a current-thread runtime of tokio's that yields once. *)
