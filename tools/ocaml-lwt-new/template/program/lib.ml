open Lwt.Syntax
module Pool = Lwt_interop.Pool

let greet name =
  let+ greeting = Rust.greet name 10 in
  Printf.sprintf "%s, from domain %d" greeting (Domain.self () :> int)

let greet_all names =
  let pool = Pool.default () in
  (* If the promise of [Lwt.all] is cancelled, all of them are. *)
  Lwt.all (List.map (fun name -> Pool.spawn pool (fun () -> greet name)) names)
