type subject =
  | Operation of { at_least : int; prepare : unit -> int -> unit }
  | Figure of { rounds : int; prepare : quick:bool -> unit -> float }

type t = {
  name : string;
  unit : string;
  floor : t option;
  micro : bool;
  subject : subject;
}

let operation ?floor ?(micro = false) ?(at_least = 1) name prepare =
  { name; unit = "ns"; floor; micro; subject = Operation { at_least; prepare } }

let figure ?floor ?(rounds = 1) ~unit name prepare =
  { name; unit; floor; micro = false; subject = Figure { rounds; prepare } }

let point curve x = Printf.sprintf "%s:%d" curve x

let shares n ~ways =
  List.init ways (fun i -> (n / ways) + if i < n mod ways then 1 else 0)
