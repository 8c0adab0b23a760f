(* server.exe DOMAINS: a cohttp server on each of so many domains, all on one port, which it prints. Ends when
   its standard input does. *)

open Lwt.Syntax
module Server = Cohttp_lwt_unix.Server
module Client = Cohttp_lwt_unix.Client

let listen port =
  let socket = Lwt_unix.socket ~cloexec:true PF_INET SOCK_STREAM 0 in
  Lwt_unix.setsockopt socket SO_REUSEADDR true;
  Lwt_unix.setsockopt socket SO_REUSEPORT true;
  let* () = Lwt_unix.bind socket (ADDR_INET (Unix.inet_addr_loopback, port)) in
  Lwt_unix.listen socket 1024;
  match Lwt_unix.getsockname socket with
  | ADDR_INET (_, port) -> Lwt.return (socket, port)
  | ADDR_UNIX _ -> assert false

(* Replies with the request's path and body, and the domain. A path that begins with /through goes
   through cohttp's client to a server again. *)
let rec handle port request body =
  let path = Uri.path (Cohttp.Request.uri request) in
  let* body = Cohttp_lwt.Body.to_string body in
  let domain = string_of_int (Domain.self () :> int) in
  let headers = Cohttp.Header.of_list [ ("X-Domain", domain) ] in
  let respond body = Server.respond_string ~headers ~status:`OK ~body () in
  let prefix = "/through" in
  if String.starts_with ~prefix path then
    let rest = String.length prefix in
    let path = String.sub path rest (String.length path - rest) in
    let uri = Printf.sprintf "http://127.0.0.1:%d%s" port path in
    let* _response, reply =
      Client.post ~body:(Cohttp_lwt.Body.of_string body) (Uri.of_string uri)
    in
    let* reply = Cohttp_lwt.Body.to_string reply in
    respond ("through " ^ reply)
  else respond (Printf.sprintf "%s %s\n" path body)

and serve ~stop port =
  let* socket, _ = listen port in
  let callback _connection request body = handle port request body in
  Server.create ~stop ~mode:(`TCP (`Socket socket)) (Server.make ~callback ())

let () =
  let domains = int_of_string Sys.argv.(1) in
  let ended = Atomic.make false in
  let run port () =
    let rec stop () =
      let* () = Lwt_unix.sleep 0.02 in
      if Atomic.get ended then Lwt.return_unit else stop ()
    in
    Lwt_main.run (serve ~stop:(stop ()) port)
  in
  (* This socket only finds a port that is free: the servers have their own. *)
  let port = Lwt_main.run (listen 0) in
  let socket, port = port in
  Lwt_main.run (Lwt_unix.close socket);
  let others = List.init (domains - 1) (fun _ -> Domain.spawn (run port)) in
  let input =
    Thread.create
      (fun () ->
        ignore (In_channel.input_all stdin : string);
        Atomic.set ended true)
      ()
  in
  Printf.printf "%d\n%!" port;
  run port ();
  Thread.join input;
  List.iter Domain.join others
