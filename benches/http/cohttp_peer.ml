(* The same server with cohttp-lwt-unix, on one domain. *)

open Cohttp_lwt_unix

let headers = Cohttp.Header.of_list [ ("content-type", "text/plain") ]
let respond status body = Server.respond_string ~headers ~status ~body ()

let answer ~compute _connection request _body =
  let target = String.split_on_char '=' (Request.resource request) in
  match (Request.meth request, target) with
  | `GET, [ "/" ] -> respond `OK "Hello, world!\n"
  | `GET, [ "/compute?us"; us ] -> (
      match int_of_string_opt us with
      | Some us ->
          compute us;
          respond `OK "computed\n"
      | None -> respond `Bad_request "us has to be a number\n")
  | _ -> respond `Not_found "not found\n"

let serve socket ~compute =
  Server.create ~mode:(`TCP (`Socket socket)) (Server.make ~callback:(answer ~compute) ())

let () = Program.main ~name:"cohttp" serve
