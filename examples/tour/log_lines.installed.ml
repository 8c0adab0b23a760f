(* Events of Rust's crate tracing, on any thread, are messages of Logs, on the domain that has
   installed the bridge.

   Prints what Rust logs while it adds up some numbers, and then none. *)

open Lwt.Syntax

let main () =
  Logs.set_reporter (Logs.format_reporter ~dst:Format.std_formatter ());
  Logs.set_level (Some Logs.Info);
  Lwt_interop_logs.install ();
  let* _ = Rust.log_lines_sum [| 1; 2; 3 |] in
  Rust.log_lines_sum [||]

(* Messages that are still queued are reported when the program exits. *)
let () = ignore (Lwt_main.run (main ()) : int)
