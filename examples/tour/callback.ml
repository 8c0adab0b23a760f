(* Rust calls OCaml functions. The domain's loop runs those that return a promise, and Rust awaits
   it; Rust itself runs those that return a value.

   Prints the words in capital letters, joined by plus signs. *)

open Lwt.Syntax

external fold :
  string array -> (string -> string Lwt.t) -> (string -> string -> string) -> string Lwt.t
  = "callback_fold"

let capitals word =
  let+ () = Lwt.pause () in
  String.uppercase_ascii word

let join all word = if all = "" then word else all ^ " + " ^ word
let () = print_endline (Lwt_main.run (fold [| "rust"; "calls"; "ocaml" |] capitals join))
