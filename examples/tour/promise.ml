(* Rust awaits a Lwt promise. If the promise is rejected, Rust returns the same exception.

   Prints the length of a string that is promised later, then the exception of a promise that is
   rejected. *)

open Lwt.Syntax

let later text =
  let+ () = Lwt_unix.sleep 0.01 in
  text

let show promise =
  Lwt.try_bind
    (fun () -> Rust.promise_length promise)
    (fun n -> Lwt.return (Printf.printf "length: %d\n" n))
    (fun e -> Lwt.return (Printf.printf "rejected: %s\n" (Printexc.to_string e)))

let main () =
  let* () = show (later "hello") in
  show (Lwt.fail Not_found)

let () = Lwt_main.run (main ())
