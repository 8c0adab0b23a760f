(** One operation of the stress test, and its outcome. *)

module Handle = Lwt_interop.Handle

type participant = {
  path : int list;  (** its place in the tree of decisions; see {!Choice.make} *)
  id : int;  (** of its domain *)
  handle : Handle.t;
  mutable cut_short : bool;  (** it leaves its loop while operations are in progress *)
  mutable held : int;  (** the number of operations that have to finish even then *)
  clean_up : (int, unit -> unit) Hashtbl.t;
      (** the clean-up of operations that are cut short *)
  in_progress : (int, Ledger.entry * string) Hashtbl.t;  (** by number *)
}
(** A domain that performs operations. *)

val participant : path:int list -> Handle.t -> participant

type t

val make : ?held:bool -> string -> (participant -> Choice.t -> string Lwt.t) -> t
(** [make name run] is an operation. The promise of [run] is fulfilled with the outcome.
    If it is rejected, the operation has failed, unless its domain is being cut short. If
    [held], the domain waits for the operation even then. *)

val perform : participant -> number:int -> t -> unit Lwt.t
(** Performs an operation and enters it into the ledger. The promise is never rejected. *)

val finish : participant -> unit
(** To be called when the domain has terminated: operations that are still in progress
    have been cut short, or have failed. *)

val cleaning_up : participant -> (unit -> unit) -> unit -> unit
(** [cleaning_up participant f] is a function that calls [f]. If the operation is cut
    short before it calls this function, the domain calls [f] after its loop. *)
