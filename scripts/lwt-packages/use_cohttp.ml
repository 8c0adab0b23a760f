(* A server and a client of it. *)

open Lwt.Syntax
module Server = Cohttp_lwt_unix.Server
module Client = Cohttp_lwt_unix.Client

let use () =
  let* socket, port = Domains.listen () in
  let stop, stop_server = Lwt.wait () in
  let callback _connection _request body =
    let* body = Cohttp_lwt.Body.to_string body in
    Server.respond_string ~status:`OK ~body:("reply to " ^ body) ()
  in
  let server =
    Server.create ~stop ~mode:(`TCP (`Socket socket)) (Server.make ~callback ())
  in
  let* response, body =
    Client.post
      ~body:(Cohttp_lwt.Body.of_string "a request")
      (Uri.of_string (Printf.sprintf "http://127.0.0.1:%d/" port))
  in
  let* body = Cohttp_lwt.Body.to_string body in
  assert (Cohttp.Response.status response = `OK && body = "reply to a request");
  Lwt.wakeup stop_server ();
  server

(* The client's default context is a lazy value: see doc/dlwt.md. *)
let () = ignore (Lazy.force Conduit_lwt_unix.default_ctx : Conduit_lwt_unix.ctx)
let () = Domains.run use
