(** What the model tests share. *)

val count : int -> int
(** [count n] is [n] times the environment variable [MODEL_COUNT], which is 1 by default.
*)

val repeated : int -> ('a -> bool) -> 'a -> bool
(** [repeated n check x] is [true] if [check x] is, [n] times. Domains interleave
    differently each time. *)

val fail : ('a, unit, string, 'b) format4 -> 'a
(** [fail format ...] fails the running test with this text. *)

val run : QCheck2.Test.t list -> unit
(** [run tests] runs [tests], prints their seed, which [MODEL_SEED] sets, and the numbers
    of tests, and exits. *)
