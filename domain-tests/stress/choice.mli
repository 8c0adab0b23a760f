(** Random decisions that a seed repeats. *)

type t

val make : int list -> t
(** [make path] is the sequence of decisions for [path]: the seed, followed by the place
    in the tree of domains and operations. So the decisions of one operation do not depend
    on when others decide. *)

val int : t -> int -> int
(** [int t n] is from 0 to [n - 1]. *)

val chance : t -> int -> bool
(** [chance t n] is [true] once in [n] times. *)

val weighted : t -> ('a * int) list -> 'a
(** One of the list's values, in proportion to their weights. *)

val text : t -> string
(** A string of less than 40 letters. *)
