(* Work on a chosen domain, from OCaml with [Pool.spawn_on] and from Rust with [Domain::spawn].

   Prints the number of the domain that did each: 0 called it, 2 was chosen. *)

open Lwt.Syntax
open Lwt_interop

let here () = (Domain.self () :> int)

let main () =
  let pool = Pool.default () in
  let* ocaml = Pool.spawn_on pool 1 (fun () -> Lwt.return (here ())) in
  let+ rust = Rust.spawn_task (Pool.handle pool 1) in
  Printf.printf "caller: %d, OCaml: %d, Rust: %d\n" (here ()) ocaml rust

let () = Lwt_interop.run ~domains:2 main
