(** Replies to commands, and how they are written. *)

type t = Rust.reply =
  | Simple of string
  | Error of string
  | Int of int64
  | Bulk of string
  | Null
  | Array of t list
  | Map of (t * t) list

val ok : t

val int : int -> t
(** [int n] is [Int] of [n]. *)

val bool : bool -> t
(** [bool b] is 1 or 0. *)

val strings : string list -> t
(** [strings texts] is an array of bulk strings. *)

val error : ('a, unit, string, t) format4 -> 'a
(** [error format ...] is an error of the general kind, [ERR]. *)

val sum : t list -> t
(** [sum replies] is [Int] of the sum of all [Int]. *)

type pending = (int * t list) list
(** Replies that are not written yet, each with the version of the protocol. They are
    immutable, so any domain may write them, and share the values in the tables. *)

val write : Buffer.t -> limit:int -> pending -> pending
(** [write buffer ~limit pending] writes replies until [buffer] has [limit] bytes, or
    somewhat more, and returns the remaining replies. A string is never split. *)
