(* Streams, each way. Rust produces numbers while OCaml asks for them, and OCaml produces words that
   Rust asks for.

   Prints the first eight Fibonacci numbers, and the longest of some words. *)

open Lwt.Syntax
open Lwt_interop

let first n stream =
  (* The Rust stream is dropped at the end of the scope. *)
  Stream.with_stream stream (fun stream ->
      let rec go n =
        if n = 0 then Lwt.return_nil
        else
          let* element = Stream.next stream in
          match element with
          | None -> Lwt.return_nil
          | Some x ->
              let+ others = go (n - 1) in
              x :: others
      in
      go n)

let main () =
  let* numbers = first 8 (Rust.stream_fibonacci ()) in
  print_endline (String.concat " " (List.map string_of_int numbers));
  let words = String.split_on_char ' ' "a stream is a promise of more" in
  let* longest = Rust.stream_longest (Stream.of_list words) in
  Printf.printf "the longest word: %s\n" longest;
  Lwt.return_unit

let () = Lwt_main.run (main ())
