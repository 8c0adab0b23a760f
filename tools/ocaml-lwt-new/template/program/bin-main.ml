open Lwt.Syntax

let greet () =
  let* greetings = {{Module}}.greet_all [ "OCaml"; "Rust" ] in
  Lwt_list.iter_s Lwt_io.printl greetings

(* Ctrl-C or SIGTERM: [Lwt.pick] cancels the rest, which drops the Rust futures. *)
let interrupted () =
  let* _signal = Lwt_interop.Signals.wait [ Sys.sigint; Sys.sigterm ] in
  Lwt.fail_with "interrupted"

let () =
  Lwt_interop.run ~domains:2 (fun () -> Lwt.pick [ greet (); interrupted () ])
