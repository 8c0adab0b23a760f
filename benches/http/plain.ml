(* An HTTP/1.1 server of Lwt alone: one domain, and channels of [Lwt_io]. *)

open Lwt.Syntax

exception Bad_request

type request = { meth : string; target : string; length : int; keep_alive : bool }

let max_length = 1 lsl 20

(* ---- reading *)

(* Returns a head with its empty line, copied from the channel's buffer in one piece. *)
let read_head ic =
  let take (da : Lwt_io.direct_access) length =
    let head = Bytes.create length in
    Lwt_bytes.blit_to_bytes da.da_buffer da.da_ptr head 0 length;
    da.da_ptr <- da.da_ptr + length;
    Bytes.unsafe_to_string head
  in
  (* The first [i] bytes do not end the head; the last [line] of them begin its current line. *)
  let rec scan (da : Lwt_io.direct_access) i line =
    if da.da_ptr + i < da.da_max then
      match Lwt_bytes.get da.da_buffer (da.da_ptr + i) with
      | '\n' when line = 0 -> Lwt.return (take da (i + 1))
      | '\n' -> scan da (i + 1) 0
      | '\r' -> scan da (i + 1) line
      | _ -> scan da (i + 1) (line + 1)
    else
      let* more = da.da_perform () in
      if more = 0 then Lwt.fail End_of_file else scan da i line
  in
  Lwt_io.direct_access ic (fun da -> scan da 0 0)

let length value =
  match int_of_string_opt value with
  | Some n when n >= 0 && n <= max_length -> n
  | _ -> raise Bad_request

let rec headers head from request =
  let stop = String.index_from head from '\n' in
  match String.index_from_opt head from ':' with
  | Some colon when colon < stop ->
      let value = String.trim (String.sub head (colon + 1) (stop - colon - 1)) in
      headers head (stop + 1)
        (match String.lowercase_ascii (String.sub head from (colon - from)) with
        | "content-length" -> { request with length = length value }
        | "connection" ->
            let keep_alive = String.lowercase_ascii value <> "close" in
            { request with keep_alive }
        | "transfer-encoding" -> raise Bad_request
        | _ -> request)
  | _ -> request

let parse head =
  let stop = String.index head '\n' in
  match String.split_on_char ' ' (String.sub head 0 (stop - 1)) with
  | [ meth; target; "HTTP/1.1" ] ->
      headers head (stop + 1) { meth; target; length = 0; keep_alive = true }
  | _ -> raise Bad_request

(* ---- answering *)

let reply ~keep_alive status body =
  String.concat ""
    [
      "HTTP/1.1 ";
      status;
      "\r\nContent-Type: text/plain\r\nContent-Length: ";
      string_of_int (String.length body);
      (if keep_alive then "\r\n\r\n" else "\r\nConnection: close\r\n\r\n");
      body;
    ]

let answer ~compute { meth; target; keep_alive; length = _ } =
  match (meth, String.split_on_char '=' target) with
  | "GET", [ "/" ] -> reply ~keep_alive "200 OK" "Hello, world!\n"
  | "GET", [ "/compute?us"; us ] -> (
      match int_of_string_opt us with
      | Some us ->
          compute us;
          reply ~keep_alive "200 OK" "computed\n"
      | None -> reply ~keep_alive "400 Bad Request" "us has to be a number\n")
  | _ -> reply ~keep_alive "404 Not Found" "not found\n"

let rec serve ~compute ic oc =
  let* head = read_head ic in
  match parse head with
  | exception (Bad_request | Not_found | Invalid_argument _) ->
      let refusal = reply ~keep_alive:false "400 Bad Request" "bad request\n" in
      let* () = Lwt_io.write oc refusal in
      Lwt_io.flush oc
  | request ->
      let* () =
        if request.length = 0 then Lwt.return_unit
        else Lwt_io.read_into_exactly ic (Bytes.create request.length) 0 request.length
      in
      let* () = Lwt_io.write oc (answer ~compute request) in
      (* Responses to pipelined requests are flushed together. *)
      let last = Lwt_io.buffered ic = 0 || not request.keep_alive in
      let* () = if last then Lwt_io.flush oc else Lwt.return_unit in
      if not request.keep_alive then Lwt.return_unit
      else
        (* The next request of a fast client may be here already, which would starve the
           other connections. Serving them first is also cheaper: the request arrives
           meanwhile, and need not be waited for. *)
        let* () = Lwt.pause () in
        serve ~compute ic oc

let connection ~compute socket =
  Lwt_unix.setsockopt socket Unix.TCP_NODELAY true;
  let ic = Lwt_io.of_fd ~mode:Lwt_io.input ~close:Lwt.return socket in
  let oc = Lwt_io.of_fd ~mode:Lwt_io.output ~close:Lwt.return socket in
  let disconnected = function
    | End_of_file | Unix.Unix_error _ -> Lwt.return_unit
    | e -> Lwt.fail e
  in
  Lwt.finalize
    (fun () -> Lwt.catch (fun () -> serve ~compute ic oc) disconnected)
    (fun () -> Lwt_unix.close socket)

let rec accept socket ~compute =
  let* client, _ = Lwt_unix.accept ~cloexec:true socket in
  Lwt.async (fun () -> connection ~compute client);
  accept socket ~compute

let () = Program.main ~name:"plain" accept
