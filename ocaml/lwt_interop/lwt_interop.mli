(** Asynchronous Rust and Lwt on every domain.

    A Rust function marked [#[ocaml_lwt_interop::func]] is an external that returns a
    promise:

    {[
      external my_async_func : unit -> unit Lwt.t = "my_async_func"

      let () = Lwt_main.run (my_async_func ())
    ]}

    Any domain may do so, one from [Domain.spawn] as well as one of a {!Pool}. Promises
    stay in the domain that made them; values move between domains through {!Handle.spawn}
    and {!Channel}. *)

module Handle = Handle
module Pool = Pool
module Blocking = Blocking
module Channel = Channel

val run : ?domains:int -> ?minor_heap:int -> (unit -> 'a Lwt.t) -> 'a
(** {!Pool.run}: a Lwt loop with a pool of domains at its side, {!Pool.default}. *)

(** {1 Exceptions} *)

type panic = Errors.panic = {
  message : string;  (** what [panic!] was given *)
  location : string option;  (** [file:line:column] *)
  backtrace : string option;  (** where [RUST_BACKTRACE] asks for one *)
}

exception Rust_panic of panic
(** Rust code panicked. The domain goes on. *)

exception
  Rust_error of {
    message : string;
    sources : string list;
    backtrace : string option;
        (** of where it became an exception, where [RUST_BACKTRACE] asks for one *)
  }
(** A [#[func(raise)]] returned an error: what it says, and what its causes say. *)

exception Domain_terminated of int
(** The domain that was to do the work has ended. *)

exception Wrong_thread of string
(** Asynchronous Rust was called from a thread that does not run the domain's loop. *)

(** {1 Counters} *)

type totals = {
  calls_started : int;  (** calls of Rust functions that were not ready at once *)
  calls_settled : int;  (** those that are settled, in whatever way *)
  late_completions : int;  (** outcomes that came too late, after a cancellation *)
  roots : int;  (** OCaml values that Rust values keep alive *)
  slots : int;
      (** places taken in the domains' tables of what is in flight: calls until their
          promises are settled, promises that Rust waits for *)
  tasks : int;  (** Rust tasks of the domains' executors *)
  messages : int;  (** from Rust, which domains have not yet looked at *)
  tokio_tasks : int;  (** tasks on tokio, the program's own included *)
  domains : int;  (** that have an executor *)
  lane_threads : int;  (** of {!Blocking}; one ends after five idle seconds *)
  lane_queue : int;  (** jobs that wait for one of them *)
}

val totals : unit -> totals
(** Of all domains. Exact once they are quiet. When nothing is left of what a program did,
    as many calls are settled as were started, and the fields from [roots] to
    [tokio_tasks] are 0, but for what the program keeps on purpose. *)
