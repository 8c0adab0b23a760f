(** Writes JSON. *)

type t =
  | Bool of bool
  | Int of int
  | String of string
  | List of t list
  | Object of (string * t) list

val add : Buffer.t -> t -> unit
val output : out_channel -> t -> unit
