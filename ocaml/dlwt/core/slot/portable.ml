(* For an OCaml whose table has an unknown layout. *)

type 'a t = 'a Domain.DLS.key
type 'a eager = 'a t

let direct = false

let make ?inherit_from_parent init =
  Domain.DLS.new_key ?split_from_parent:inherit_from_parent init

let make_eager init = Domain.DLS.new_key ~split_from_parent:(fun _ -> init ()) init
let get = Domain.DLS.get
let get_eager = Domain.DLS.get

(* [Domain.DLS] cannot tell. Reading is safe at any time. *)
let is_set _ = true
let is_set_eager _ = true
