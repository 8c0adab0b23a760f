(* Rust calls an OCaml function again and again, from a thread that does not wait for it. The
   queue of calls is bounded: here only the newest call waits.

   Prints the sum of the numbers from 1 to 100,000, and the last progress that Rust has
   reported. *)

open Lwt.Syntax

let main () =
  let progress = ref 0 in
  let+ sum = Rust.progress_sum 100_000 (fun added -> progress := added) in
  Printf.printf "sum: %d, added: %d\n" sum !progress

let () = Lwt_main.run (main ())
