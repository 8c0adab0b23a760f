(** The outcomes of calls, counted by all domains together. *)

type outcome = (int, exn) result

val kinds : string list
(** The kinds of outcomes: [value], [error], [panic], [cancelled], [terminated]. *)

val started : unit -> unit
(** [started ()] counts a call. *)

val resolved : row:int -> outcome -> unit
(** [resolved ~row outcome] counts the outcome of a call. Rows are from 0 to 15. *)

val pending : unit -> int
(** [pending ()] is the number of calls that are started and not resolved. *)

val row : int -> int list
(** [row i] is the number of outcomes of each of {!kinds} in row [i]. *)

(** {1 Failures} *)

val fail : ('a, unit, string, unit) format4 -> 'a
(** [fail format ...] counts a failure. *)

val failures : unit -> int
(** [failures ()] is the number of failures. *)

val take_failures : unit -> string list
(** [take_failures ()] is the texts of failures that were not taken yet, of the first
    twenty. *)
