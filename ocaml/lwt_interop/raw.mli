(** The border to Rust: its primitives, and the one place where types are taken on trust.
*)

type handle
(** What Rust knows of a domain. May be used by any thread, and outlives the domain. *)

val init : unit -> unit
(** Once, on the main thread, before there is another domain. *)

(** {1 Work for the loop} *)

module Batch : sig
  type t
  (** What a tick found for the loop to do: see [runtime/src/batch.rs]. *)

  val create : unit -> t

  type kind =
    | Resolve  (** fulfil the promise of the call [key] with the content *)
    | Reject  (** reject it with the content, an exception *)
    | Apply
        (** call the {!application} that is the content, and report its promise to the
            wait [key] *)
    | Cancel  (** cancel the promise that is the content *)
    | Forget  (** nobody waits for the promise of the wait [key] any more *)

  val key : t -> int -> int
  (** Of the entry at an index, like the following. *)

  val kind : t -> int -> kind

  val take : t -> int -> Obj.t
  (** The content, which is cleared. *)

  val application : Obj.t -> unit -> Obj.t Lwt.t
end

(** {1 The executor of the calling thread's domain} *)

val is_first_thread : unit -> bool
(** Whether the calling thread is the first of its domain, rather than one from
    [Thread.create]. *)

val executor_open : int -> Batch.t -> Batch.t -> (handle * Unix.file_descr, string) result
(** Makes the executor of the domain with this id, owned by the calling thread. The
    descriptor becomes readable when a sleeping loop is woken. *)

val executor_close : unit -> unit

val begin_turn : unit -> unit
(** The loop has come back from its wait. *)

val turn_is_over : unit -> bool
(** Whether Lwt's own events are due: see [runtime/src/turn.rs]. *)

val spend : unit -> bool
(** The loop has done a unit of work. Whether the turn goes on. *)

val received : int -> unit
(** The loop has taken so many messages from the domain's OCaml inbox. *)

val goes_on : bool -> bool
(** Whether the turn is not over and there is something to do: here, which the argument
    says, or for {!tick}. *)

val tick : unit -> int
(** Takes a chunk of messages and polls a chunk of tasks. The loop is done with the batch
    that it was given before. Returns how many entries there are now, times two, plus in
    which of the two batches. *)

val park : unit -> bool
(** Whether the loop may sleep: there is nothing to do. *)

val clear_wake : unit -> bool
(** Makes the descriptor unreadable again. [false] in the child of a fork: it is the
    parent's. *)

val cancel_call : int -> unit
(** OCaml has cancelled the promise of this call: its Rust future is dropped. *)

val release_call : int -> unit
(** OCaml has taken the outcome of this call: its key may be used again. *)

val release_wait : int -> unit
(** Nobody waits any more, and OCaml has forgotten it: its key may be used again. *)

val attach_wait : int -> Obj.t Lwt.t -> unit
(** The function that Rust asked for has returned this promise, which is pending. *)

val settle_wait : int -> bool -> Obj.t -> unit
(** A promise that Rust waits for has a value ([true]) or an exception. *)

(** {1 Any domain's} *)

val notify : handle -> unit
(** Tells the domain that there is something in its inbox. *)

val close_handle : handle -> unit
(** The domain has ended: messages go back to their senders. *)

val stats : handle -> int array
val totals : unit -> int array
val lane_submit : unit -> bool

(** {1 Trust} *)

(** What settles the promise of a call, whatever its type, or nobody. The Rust function's
    result type and the type in the [external] declaration are the user's to match. *)
module Resolver : sig
  type t

  val nobody : t
  val is_nobody : t -> bool
  val make : 'a Lwt.u -> t

  val resolve : t -> Obj.t -> unit
  (** Fulfils the promise with the value that Rust made for it. *)

  val reject : t -> exn -> unit
end
