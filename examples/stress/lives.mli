(** Domains that are started and ended. *)

type t = private {
  slots : Lwt_interop.Handle.t option Atomic.t array;
      (** the latest domain of each slot, which may have ended *)
  seed : int;
  mutable started : int;
  mutable ended : int;
}

val create : slots:int -> seed:int -> t
(** [create ~slots ~seed] is [slots] slots without domains. *)

val one : t -> int -> unit Lwt.t
(** [one lives slot] starts a domain, which ends after a random time, and waits for its
    end. Rejected if the domain cannot be started, or ends with an exception. *)

val keep : t -> while_:(unit -> bool) -> unit Lwt.t
(** [keep lives ~while_] starts a domain in each slot, and another when it has ended, as
    long as [while_ ()] is true. If {!one} is rejected, that is a failure, and the slot
    stays empty. *)
