(** The functions of [benches/src/lib.rs]. *)

external c_call : int -> int = "bench_c_call"
external sync : int -> int = "bench_sync"
external bytes : bytes -> bytes = "bench_bytes"

external ready : int -> int Lwt.t = "bench_ready"
(** Ready at once. *)

external yield : unit -> unit Lwt.t = "bench_yield"
(** Pending once. *)

external never : unit -> unit Lwt.t = "bench_never"
(** Pending until it is cancelled. *)

external await : int Lwt.t -> int Lwt.t = "bench_await"
(** Awaits the promise. *)

external tokio : unit -> unit Lwt.t = "bench_tokio"
(** To a thread of tokio's and back. *)

external call_home : (int -> int) -> int -> unit Lwt.t = "bench_call_home"
(** Calls the function on Domain 0 from a task on tokio, so many times. *)

external call_home_blocking : (int -> int) -> int -> unit Lwt.t
  = "bench_call_home_blocking"
(** The same from a thread of Rust's that waits. *)

external remote : (int -> int Lwt.t) -> int -> int -> unit Lwt.t = "bench_remote"
(** [remote f tasks times] calls the function on this domain from so many tasks on tokio,
    so many times in all. *)

external compute : int -> int -> unit = "bench_compute"
(** [compute threads steps] takes so many steps on each of so many threads. *)

external now : unit -> int = "bench_now"
(** Nanoseconds since some time ago. *)

external descriptors : int -> int = "bench_descriptors"
(** Asks for so many descriptors; how many the process may have. *)

external malloc_bytes : unit -> int = "bench_malloc_bytes"
(** What [malloc] has given out. *)
