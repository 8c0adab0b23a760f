(** Domains that come and go. *)

type t = private {
  seats : Lwt_interop.Handle.t option Atomic.t array;
      (** the domains, each of which may have ended *)
  seed : int;
  mutable started : int;
  mutable ended : int;
}

val create : seats:int -> seed:int -> t

val one : t -> int -> unit Lwt.t
(** [one t seat] starts a domain, which lives for a while, and waits for its end. Rejected
    if it cannot be started, or dies of an exception. *)

val keep : t -> while_:(unit -> bool) -> unit Lwt.t
(** Starts a domain on each seat, and another when it has ended. If {!one} is rejected,
    that is a failure, and the seat stays empty. *)
