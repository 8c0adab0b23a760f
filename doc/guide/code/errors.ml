let explain = function
  | Unix.Unix_error (error, _, _) -> Unix.error_message error
  | Rust.Insufficient { missing } -> Printf.sprintf "%d are missing" missing
  | Rust.Closed -> "the account is closed"
  | Lwt_interop.Rust_error { message; _ } -> message
  | Lwt_interop.Rust_panic { message; _ } -> "a bug in Rust: " ^ message
  | Not_found -> "the exception of OCaml's function"
  | e -> Printexc.to_string e

let show name f =
  Lwt.catch f (fun e ->
      print_endline (name ^ ": " ^ explain e);
      Lwt.return_unit)

let main () =
  let open Lwt.Syntax in
  (match Rust.port "http" with
  | Ok port -> Printf.printf "port %d\n" port
  | Error problem -> print_endline problem);
  let* () = show "open_file" (fun () -> Rust.open_file "/nowhere/file") in
  let* () = show "sum" (fun () -> Lwt.map ignore (Rust.sum "1" "two")) in
  let* () = show "pay" (fun () -> Lwt.return (ignore (Rust.pay 70 100))) in
  let* () = show "pay" (fun () -> Lwt.return (ignore (Rust.pay 0 100))) in
  let* () = show "element" (fun () -> Lwt.map ignore (Rust.element [| 1; 2 |] 2)) in
  show "retry" (fun () -> Rust.retry (fun () -> Lwt.fail Not_found))

let () = Lwt_main.run (main ())
