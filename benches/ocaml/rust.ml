(** The functions of [benches/src/lib.rs]. *)

external c_call : int -> int = "bench_c_call"

external c_call_noalloc : (int[@untagged]) -> (int[@untagged])
  = "bench_c_call" "bench_c_call"
[@@noalloc]

external sync : int -> int = "bench_sync"

external plain : (int[@untagged]) -> (int[@untagged])
  = "bench_plain" "bench_plain_unboxed"
[@@noalloc]

external bytes : bytes -> bytes = "bench_bytes"

type bigarray = (int, Bigarray.int8_unsigned_elt, Bigarray.c_layout) Bigarray.Array1.t

external bigarray : bigarray -> bigarray = "bench_bigarray"
external string : string -> string = "bench_string"

type record = { id : int; name : string; score : float }

external records_to_ocaml : unit -> record array = "bench_records_to_ocaml"
(** [records_to_ocaml ()] is an array of 1000 records. *)

external records_to_rust : record array -> int = "bench_records_to_rust"
(** [records_to_rust records] is their number. *)

external records_clone : unit -> int = "bench_records_clone"
(** [records_clone ()] makes and frees 1000 records in Rust alone. *)

(** The same with the conversions of the crate [ocaml]. *)
module Crate = struct
  external string : string -> string = "bench_crate_string"
  external records_to_ocaml : unit -> record array = "bench_crate_records_to_ocaml"
  external records_to_rust : record array -> int = "bench_crate_records_to_rust"
end

external ready : int -> int Lwt.t = "bench_ready"
(** [ready n] is ready at once. *)

external yield : unit -> unit Lwt.t = "bench_yield"
(** [yield ()] is pending once. *)

external never : unit -> unit Lwt.t = "bench_never"
(** [never ()] is pending until it is cancelled. *)

external await : int Lwt.t -> int Lwt.t = "bench_await"
(** [await p] is the result of [p], which Rust awaits. *)

external spawn_local : int -> unit Lwt.t = "bench_spawn_local"
(** [spawn_local n] spawns [n] tasks on the domain's executor, one after the other. Each
    yields once. *)

external local_executor : int -> unit = "bench_local_executor"
(** [local_executor n] does the same with [async_executor::LocalExecutor]. *)

external tokio : unit -> unit Lwt.t = "bench_tokio"
(** [tokio ()] runs on a thread of tokio. *)

external call_domain_0 : (int -> int) -> int -> unit Lwt.t = "bench_call_domain_0"
(** [call_domain_0 f n] calls [f] on Domain 0 [n] times, from a task on tokio. *)

external call_domain_0_blocking : (int -> int) -> int -> unit Lwt.t
  = "bench_call_domain_0_blocking"
(** [call_domain_0_blocking f n] does the same from a thread that blocks during each call.
*)

external remote : (int -> int Lwt.t) -> int -> int -> unit Lwt.t = "bench_remote"
(** [remote f tasks n] calls [f] on this domain [n] times in total, from [tasks] tasks on
    tokio. *)

external compute : int -> int -> unit = "bench_compute"
(** [compute threads steps] computes [steps] steps on each of [threads] threads. *)

external now : unit -> int = "bench_now"
(** [now ()] is a monotonic time in nanoseconds. *)

external descriptors : int -> int = "bench_descriptors"
(** [descriptors wanted] raises the limit of file descriptors to [wanted] if the system
    allows it, and is the new limit. *)

external malloc_bytes : unit -> int = "bench_malloc_bytes"
(** [malloc_bytes ()] is the number of bytes that [malloc] has allocated. *)
