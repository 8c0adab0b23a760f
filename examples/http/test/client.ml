type t = { socket : Unix.file_descr; input : in_channel }
type reply = { status : int; headers : (string * string) list; body : string }

(* A server that hangs fails the test. *)
let longest_wait = 60.

let connect server =
  let socket = Unix.socket ~cloexec:true PF_INET SOCK_STREAM 0 in
  Unix.connect socket (ADDR_INET (Unix.inet_addr_loopback, Server.port server));
  Unix.setsockopt_float socket SO_RCVTIMEO longest_wait;
  { socket; input = Unix.in_channel_of_descr socket }

let close t = close_in t.input
let shutdown t = Unix.shutdown t.socket SHUTDOWN_SEND
let send t text = ignore (Unix.write_substring t.socket text 0 (String.length text) : int)

let head ?(headers = []) what =
  String.concat "\r\n" (((what ^ " HTTP/1.1") :: "host: x" :: headers) @ [ ""; "" ])

let line t =
  let line = input_line t.input in
  match String.length line with
  | 0 -> raise End_of_file
  | length -> String.sub line 0 (length - 1)

let rec headers t =
  match line t with
  | "" -> []
  | line ->
      let colon = String.index line ':' in
      let value = String.sub line (colon + 1) (String.length line - colon - 1) in
      let name = String.lowercase_ascii (String.sub line 0 colon) in
      (name, String.trim value) :: headers t

let reply_head t =
  let status = Scanf.sscanf (line t) "HTTP/1.1 %d" Fun.id in
  (status, headers t)

let piece = 65536

let rec fold_bytes t f acc length =
  if length = 0 then acc
  else
    let read = really_input_string t.input (min length piece) in
    fold_bytes t f (f acc read) (length - String.length read)

let rec fold_chunks t f acc =
  let length = Scanf.sscanf (line t) "%x" Fun.id in
  let acc = fold_bytes t f acc length in
  if line t <> "" then failwith "a chunk is longer than it says";
  if length = 0 then acc else fold_chunks t f acc

let fold_body t headers f acc =
  match List.assoc_opt "content-length" headers with
  | Some length -> fold_bytes t f acc (int_of_string length)
  | None -> fold_chunks t f acc

let reply t =
  let status, headers = reply_head t in
  let body = Buffer.create 100 in
  fold_body t headers (fun () part -> Buffer.add_string body part) ();
  { status; headers; body = Buffer.contents body }

let is_closed t =
  match input_char t.input with
  | (_ : char) -> false
  | exception (End_of_file | Sys_error _) -> true
