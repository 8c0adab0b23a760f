(** Programs made of Lwt's primitives at random, which end in the middle. *)

val trace : seed:int -> string
(** Runs a program and says what it did, in order. The same seed does the same wherever it
    runs: each choice depends on all that came before. The program runs for some turns of
    the loop; then whatever waits is left. It must be the first to use Lwt in its domain
    or process, since [Lwt.pick] has a random state of its own. *)
