(** One thing that a domain does, and how it may come out. *)

module Handle = Lwt_interop.Handle

type place = {
  path : int list;  (** where it is in the tree of decisions *)
  id : int;  (** the domain *)
  handle : Handle.t;
  mutable cut : bool;  (** the domain leaves its loop with work under way *)
  mutable held : int;  (** what must not be cut short *)
  clean_up : (int, unit -> unit) Hashtbl.t;
      (** what acts that are cut short leave for the domain to put away *)
  open_ : (int, Ledger.entry * string) Hashtbl.t;  (** by number *)
}

val place : path:int list -> Handle.t -> place

type t

val make : ?held:bool -> string -> (place -> Choice.t -> string Lwt.t) -> t
(** The promise says how it came out; one that is rejected is a failure, unless the domain
    is being cut short. With [held] the domain waits for it even then. *)

val perform : place -> number:int -> t -> unit Lwt.t
(** Does it, and enters it into the ledger. Never rejected. *)

val finish : place -> unit
(** After the domain's end: what is still open has been cut short, or is a failure. *)

val later : place -> (unit -> unit) -> unit -> unit
(** [later place f]: [f] is called when the result is, or by the domain if that never
    comes. *)
