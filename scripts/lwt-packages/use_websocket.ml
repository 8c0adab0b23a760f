(* A server that returns frames, and a client. *)

open Lwt.Syntax
open Websocket

let use () =
  let* ctx = Conduit_lwt_unix.init () in
  let* socket, port = Domains.listen () in
  let stop, stop_server = Lwt.wait () in
  let server =
    Websocket_lwt_unix.establish_standard_server ~stop ~ctx
      ~check_request:(fun _ -> true)
      ~mode:(`TCP (`Socket socket))
      (fun client ->
        let* frame = Websocket_lwt_unix.Connected_client.recv client in
        Websocket_lwt_unix.Connected_client.send client frame)
  in
  let uri = Uri.of_string (Printf.sprintf "http://127.0.0.1:%d/" port) in
  let* connection =
    Websocket_lwt_unix.connect ~ctx
      (`TCP (`IP (Ipaddr.of_string_exn "127.0.0.1"), `Port port))
      uri
  in
  let* () = Websocket_lwt_unix.write connection (Frame.create ~content:"a frame" ()) in
  let* frame = Websocket_lwt_unix.read connection in
  assert (frame.content = "a frame");
  let* () = Websocket_lwt_unix.close_transport connection in
  Lwt.wakeup stop_server ();
  server

let () =
  Mirage_crypto_rng_unix.use_default ();
  Domains.run use
