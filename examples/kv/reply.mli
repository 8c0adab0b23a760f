(** What a command is answered with, and how that is written. *)

type t =
  | Simple of string
  | Error of string
  | Int of int64
  | Bulk of string
  | Null
  | Array of t list
  | Map of (t * t) list

val ok : t
val int : int -> t

val bool : bool -> t
(** 1 or 0. *)

val bulk : string option -> t
val strings : string list -> t

val error : ('a, unit, string, t) format4 -> 'a
(** An error of the general kind, [ERR]. *)

type pending = (int * t list) list
(** Replies that are still to be written, each with the version of the protocol. They are
    immutable, so any domain may write them, and hold no copies of values. *)

val write : Buffer.t -> limit:int -> pending -> pending
(** Writes replies until the buffer has [limit] bytes, or a little more, and returns the
    rest. A single string is never split. *)
