(** What becomes of calls, counted by all domains together. *)

type outcome = (int, exn) result

val kinds : string list
(** Of outcomes: [value], [error], [panic], [cancelled], [terminated]. *)

val begun : unit -> unit
(** A call has been made. *)

val settled : row:int -> outcome -> unit
(** It has come out; calls are counted in rows, from 0 to 15. *)

val pending : unit -> int
(** Calls that are begun and not settled. *)

val row : int -> int list
(** Its outcomes, in the order of {!kinds}. *)

(** {1 What should not happen} *)

val fail : ('a, unit, string, unit) format4 -> 'a
val failures : unit -> int

val take_failures : unit -> string list
(** Those that have not been taken yet, of the first twenty. *)
