(* Rust calls OCaml functions. The domain's loop runs those that return a promise, and Rust awaits
   it; Rust itself runs those that return a value.

   Prints the words in capital letters, joined by plus signs. *)

open Lwt.Syntax

let capitals word =
  let+ () = Lwt.pause () in
  String.uppercase_ascii word

let join all word = if all = "" then word else all ^ " + " ^ word

let () =
  let words = [| "rust"; "calls"; "ocaml" |] in
  print_endline (Lwt_main.run (Rust.callback_fold words capitals join))
