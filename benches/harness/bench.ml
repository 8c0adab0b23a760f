type subject =
  | Operation of { at_least : int; prepare : unit -> int -> unit }
  | Metric of { rounds : int; prepare : quick:bool -> unit -> float }

type t = {
  name : string;
  unit : string;
  baseline : t option;
  micro : bool;
  subject : subject;
}

let operation ?baseline ?(micro = false) ?(at_least = 1) name prepare =
  { name; unit = "ns"; baseline; micro; subject = Operation { at_least; prepare } }

let metric ?baseline ?(rounds = 1) ~unit name prepare =
  { name; unit; baseline; micro = false; subject = Metric { rounds; prepare } }

let point curve x = Printf.sprintf "%s:%d" curve x

let shares n ~ways =
  List.init ways (fun i -> (n / ways) + if i < n mod ways then 1 else 0)
