(** One cell per domain: [Domain.DLS] with a faster read.

    There are two implementations. The direct one reads the runtime's own table with two
    loads, and depends on the layout of that table in this OCaml. The portable one is
    plain [Domain.DLS]. A probe that runs at build time selects the direct one only if the
    layout is as expected. No other module depends on how [Domain.DLS] is implemented.

    {[
      let counter = Dlwt_slot.make_eager (fun () -> ref 0)
      let next () = incr (Dlwt_slot.get_eager counter)
    ]} *)

type 'a t

val direct : bool
(** [true] in the direct implementation. *)

val make : ?inherit_from_parent:('a -> 'a) -> (unit -> 'a) -> 'a t
(** [make init] is a cell whose value is [init ()], evaluated at the first {!get} in a
    domain, or made from the parent's value if [inherit_from_parent] is given. *)

val get : 'a t -> 'a
(** Returns the calling domain's value. *)

val is_set : 'a t -> bool
(** Returns whether the calling domain has its value. The portable implementation cannot
    tell, and returns [true]. *)

type 'a eager

val make_eager : (unit -> 'a) -> 'a eager
(** [make_eager init] is a cell that has its value from the first instruction of a domain
    on: the parent evaluates [init ()] in [Domain.spawn]. Must be called before the first
    [Domain.spawn]. *)

val get_eager : 'a eager -> 'a
(** Like {!get}, without any test. *)

val is_set_eager : 'a eager -> bool
(** Like {!is_set}. [true] with one exception: the runtime may run signal handlers, and
    finalisers of terminated domains, in a new domain before [Domain.spawn] has set its
    values. {!get_eager} must not be called then. *)
