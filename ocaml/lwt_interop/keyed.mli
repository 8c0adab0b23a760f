(** Tables that have an entry for a key of Rust's: see [runtime/src/slots.rs]. Rust gives
    out a key whose place is taken again only when OCaml has released the last one;
    whoever releases it has taken the entry before. One domain's. *)

type 'a t

val create : 'a -> 'a t
(** An empty table; the argument stands for nothing. *)

val set : 'a t -> int -> 'a -> unit

val take : 'a t -> int -> 'a
(** The entry of a key, which is removed; or nothing. *)

val drain : ('a -> unit) -> 'a t -> unit
(** Takes every entry, and nothing an unknown number of times. *)
