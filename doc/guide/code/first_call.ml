open Lwt.Syntax

let main () =
  let* greeting = Rust.greet "OCaml" 10 in
  let* () = Lwt_io.printlf "%s: %d characters" greeting (Rust.characters greeting) in
  (* Both calls wait at the same time. *)
  let* greetings = Lwt_list.map_p (fun name -> Rust.greet name 10) [ "Lwt"; "Rust" ] in
  Lwt_list.iter_s Lwt_io.printl greetings

let () = Lwt_main.run (main ())
