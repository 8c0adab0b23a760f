(* An echo over TCP. *)

open Lwt.Syntax

let use () =
  let* ctx = Conduit_lwt_unix.init () in
  let* socket, port = Domains.listen () in
  let stop, stop_server = Lwt.wait () in
  let server =
    Conduit_lwt_unix.serve ~stop ~on_exn:raise ~ctx
      ~mode:(`TCP (`Socket socket))
      (fun _flow input output ->
        let* line = Lwt_io.read_line input in
        Lwt_io.write_line output line)
  in
  let* _flow, input, output =
    Conduit_lwt_unix.connect ~ctx
      (`TCP (`IP (Ipaddr.of_string_exn "127.0.0.1"), `Port port))
  in
  let* () = Lwt_io.write_line output "there and back" in
  let* () = Lwt_io.flush output in
  let* line = Lwt_io.read_line input in
  assert (line = "there and back");
  let* () = Lwt_io.close output in
  Lwt.wakeup stop_server ();
  server

let () = Domains.run use
