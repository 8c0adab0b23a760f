(** One cell per domain: [Domain.DLS], with a faster read.

    Two implementations exist. The direct one reads the runtime's own table in two loads
    and relies on how this OCaml lays it out; the portable one is plain [Domain.DLS]. A
    probe run at build time picks the direct one only when the layout is the expected one.
    Everything that looks behind [Domain.DLS] is in this module. *)

type 'a t

val direct : bool
(** Whether this is the direct implementation. *)

val make : ?inherit_from_parent:('a -> 'a) -> (unit -> 'a) -> 'a t
(** A cell whose value is made at the first {!get} in a domain, or taken from the parent's
    when [inherit_from_parent] is given. *)

val get : 'a t -> 'a

val is_set : 'a t -> bool
(** Whether the calling domain has its value. The portable implementation cannot tell and
    says yes. *)

type 'a eager

val make_eager : (unit -> 'a) -> 'a eager
(** A cell that has its value in every domain from that domain's first instruction on: the
    parent makes it in [Domain.spawn]. Must be called before the first [Domain.spawn]. *)

val get_eager : 'a eager -> 'a
(** Like {!get} without any test. *)

val is_set_eager : 'a eager -> bool
(** As {!is_set}: always true, except in one case. The runtime may run finalisers of
    domains that have ended, and signal handlers, in a new domain before [Domain.spawn]
    has given it its values. {!get_eager} must not be called then. *)
