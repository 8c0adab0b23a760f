(** Asynchronous Rust and Lwt on every domain.

    A Rust function marked [#[ocaml_lwt_interop::func]] is an external that returns a
    promise:

    {[
      external my_async_func : unit -> unit Lwt.t = "my_async_func"

      let () = Lwt_main.run (my_async_func ())
    ]}

    Any domain may do so, one from [Domain.spawn] as well as one of a {!Pool}. Promises
    stay in the domain that made them; values move between domains through
    {!Handle.spawn}. *)

module Handle = Handle
module Pool = Pool
module Blocking = Blocking

(** {1 Running} *)

val run : ?domains:int -> (unit -> 'a Lwt.t) -> 'a
(** [run ~domains main] runs [main] in the calling domain's Lwt loop, with a {!Pool} of
    [domains] domains at its side, {!default_pool}, which is shut down at the end.

    @raise Invalid_argument as {!Pool.create} does, or if a [run] is under way.
    @raise Failure as {!Pool.create} does. *)

val default_pool : unit -> Pool.t
(** The pool of the {!run} that is under way. Any domain.

    @raise Invalid_argument if there is none. *)

(** {1 Exceptions} *)

type panic = Errors.panic = {
  message : string;  (** what [panic!] was given *)
  location : string option;  (** [file:line:column] *)
  backtrace : string option;  (** where [RUST_BACKTRACE] asks for one *)
}

exception Rust_panic of panic
(** Rust code panicked. The domain goes on. *)

exception Rust_error of { message : string; sources : string list }
(** A [#[func(raise)]] returned an error: what it says, and what its causes say. *)

exception Domain_terminated of int
(** The domain that was to do the work has ended. *)

exception Wrong_thread of string
(** Asynchronous Rust was called from a thread that does not run the domain's loop. *)

(** {1 Counters} *)

type totals = {
  calls_started : int;  (** calls of Rust functions that were not ready at once *)
  calls_settled : int;  (** those that are settled, in whatever way *)
  roots : int;  (** OCaml values that Rust values keep alive *)
  late_completions : int;  (** outcomes that came too late, after a cancellation *)
}

val totals : unit -> totals
(** Of all domains. Exact once they are quiet. *)
