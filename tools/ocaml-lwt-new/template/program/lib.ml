open Lwt.Syntax
module Pool = Lwt_interop.Pool

let greet name =
  let+ greeting = Rust.greet name 10 in
  Printf.sprintf "%s, from domain %d" greeting (Domain.self () :> int)

let greet_all names = Pool.map (Pool.default ()) greet names
