open Lwt_interop
open Bigarray

type person = { name : string; initial : Uchar.t }

module Deferred = struct
  type 'a t = 'a Lwt.t
end

external greet : person -> string Deferred.t = "greet"
external spawn : Handle.t -> (unit, exn) result Lwt.t = "spawn"
external first : (float, float64_elt, c_layout) Array1.t -> float = "first"
