(* Cancelling a promise drops its Rust future: [Lwt.cancel], [Lwt.pick] and timeouts have run the
   future's destructors when they return.

   Prints that Rust closes a connection, first for a timeout, then for [Lwt.cancel]. *)

open Lwt.Syntax

let main () =
  let* () =
    Lwt.catch
      (fun () -> Lwt_unix.with_timeout 0.01 (fun () -> Rust.cancel_wait 3600.))
      (function
        | Lwt_unix.Timeout -> Lwt.return (print_endline "timeout") | e -> Lwt.fail e)
  in
  let promise = Rust.cancel_wait 3600. in
  Lwt.cancel promise;
  Lwt.return (print_endline "cancelled")

let () = Lwt_main.run (main ())
