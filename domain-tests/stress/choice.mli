(** Decisions that a seed repeats. *)

type t

val make : int list -> t
(** One sequence of decisions for each list of numbers: the seed, and the place of whoever
    decides in the tree of domains and acts. So what one decides does not depend on when
    others do. *)

val int : t -> int -> int
(** [int t n] is from 0 to [n - 1]. *)

val chance : t -> int -> bool
(** [chance t n]: once in [n] times. *)

val weighted : t -> ('a * int) list -> 'a
(** One of them, in proportion to the numbers. *)

val text : t -> string
(** A short one. *)
