(** The calls that domains make, and their expected outcomes. *)

open Lwt_interop

type expected =
  | Value of int
  | Exception of exn  (** physically equal to this one *)
  | Rust_error
  | Panic
  | Cancelled
  | End_of of Handle.t  (** {!Lwt_interop.Domain_terminated}, and the domain has ended *)

val check : own:Handle.t -> row:int -> int Lwt.t -> expected list -> unit Lwt.t
(** [check ~own ~row promise expected] counts a call, and is fulfilled when [promise] is
    resolved. Any outcome but [expected] and the end of the calling domain, [own], is a
    failure. Never rejected. *)

val names : string array
(** The names of the kinds of calls, which are the rows of {!Tally}. *)

val any : own:Handle.t -> peer:Handle.t -> Random.State.t -> unit Lwt.t
(** [any ~own ~peer rng] makes a call of a random kind, and {!check}s it. Kinds that need
    another domain use [peer]. *)
