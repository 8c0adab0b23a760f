(** What the model tests share. *)

val count : int -> int
(** So often, times the variable [MODEL_COUNT]. *)

val repeated : int -> ('a -> bool) -> 'a -> bool
(** Whether it holds so many times: domains run differently each time. *)

val fail : ('a, unit, string, 'b) format4 -> 'a
(** Fails the test that runs. *)

val run : QCheck2.Test.t list -> unit
(** Runs the tests, prints their seed, which [MODEL_SEED] sets, and counts; then exits. *)
