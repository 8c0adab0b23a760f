open Lwt.Syntax

let greet () =
  let* greetings = {{Module}}.greet_all [ "OCaml"; "Rust" ] in
  let+ () = Lwt_list.iter_s Lwt_io.printl greetings in
  0

(* On Ctrl-C or SIGTERM [Lwt.pick] cancels the rest, which drops the Rust futures. *)
let interrupted () =
  let+ _signal = Lwt_interop.Signals.wait [ Sys.sigint; Sys.sigterm ] in
  1

(* The result is the exit code. *)
let main () = Lwt.pick [ greet (); interrupted () ]
let () = exit (Lwt_interop.run ~domains:2 main)
