(** The calls that domains make, and what may become of each. *)

open Lwt_interop

type due =
  | Value of int
  | Exception of exn  (** this very one *)
  | Rust_error
  | Panic
  | Cancelled
  | End_of of Handle.t  (** {!Lwt_interop.Domain_terminated}, and the domain has ended *)

val judge : own:Handle.t -> row:int -> int Lwt.t -> due list -> unit Lwt.t
(** Counts a call, and waits until it is settled. If it comes to nothing that is due, nor
    to the end of [own], the calling domain, that is a failure. Never rejected. *)

val names : string array
(** Of the kinds of calls, the rows of {!Tally}. *)

val any : own:Handle.t -> peer:Handle.t -> Random.State.t -> unit Lwt.t
(** Makes a call of any kind, and {!judge}s it; if it is about another domain, then about
    [peer]. *)
