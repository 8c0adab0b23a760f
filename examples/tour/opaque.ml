(* A Rust value that OCaml keeps as an abstract type. The garbage collector frees it.

   Prints how often each word occurs; two domains have counted. *)

open Lwt.Syntax
open Lwt_interop

let main () =
  let counter = Rust.Counter.create () in
  let count word = Lwt.return (Rust.Counter.count counter word) in
  let words = String.split_on_char ' ' "to be or not to be" in
  let+ _ = Pool.map (Pool.default ()) count words in
  let show (word, n) = Printf.printf "%s: %d\n" word n in
  Array.iter show (Rust.Counter.counts counter)

let () = Lwt_interop.run ~domains:2 main
