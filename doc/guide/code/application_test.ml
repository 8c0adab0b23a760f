(* Starts the service, asks it, stops it, and prints its messages. *)

open Lwt.Syntax

let without pattern text = Str.global_replace (Str.regexp pattern) text

let ask port questions =
  let address = Unix.(ADDR_INET (inet_addr_loopback, port)) in
  Lwt_io.with_connection address (fun (input, output) ->
      Lwt_list.iter_s
        (fun question ->
          let* () = Lwt_io.write_line output question in
          let* answer = Lwt_io.read_line input in
          Lwt_io.printlf "%s: %s" question answer)
        questions)

let main program =
  let env = [| "WORDS_PORT=0"; "WORDS_DOMAINS=2"; "WORDS_LOG=debug" |] in
  let service = Lwt_process.open_process_full ~env (program, [| program |]) in
  let* first = Lwt_io.read_line service#stderr in
  let port = Scanf.sscanf first "listening on port %d" Fun.id in
  let* () = Lwt_io.printl (without (string_of_int port) "PORT" first) in
  let* () = ask port [ "to be or not to be"; "" ] in
  (* A connection that is open when the service stops. *)
  let address = Unix.(ADDR_INET (inet_addr_loopback, port)) in
  let* input, output = Lwt_io.open_connection address in
  let* () = Lwt_io.write_line output "that is the question" in
  let* answer = Lwt_io.read_line input in
  let* () = Lwt_io.printl answer in
  service#kill Sys.sigterm;
  let* rest = Lwt_io.read input in
  let* () = Lwt_io.printlf "then the connection is closed: %b" (rest = "") in
  let* messages = Lwt_io.read service#stderr in
  let* status = service#status in
  let* () = Lwt_io.print (without "[0-9]+ messages" "N messages" messages) in
  match status with
  | WEXITED code -> Lwt_io.printlf "exit code %d" code
  | WSIGNALED _ | WSTOPPED _ -> Lwt_io.printl "killed"

let () = Lwt_main.run (main Sys.argv.(1))
