open Lwt.Syntax
open Example_kv

let io =
  match Sys.getenv_opt "IO" with
  | Some "own" -> `Own
  | Some "shared" | None -> `Shared
  | Some other -> failwith ("IO=" ^ other ^ " is neither shared nor own")

type t = { input : Lwt_io.input_channel; output : Lwt_io.output_channel }

let address text =
  match String.rindex_opt text ':' with
  | None -> Unix.ADDR_UNIX text
  | Some i ->
      let port = String.sub text (i + 1) (String.length text - i - 1) in
      let host = Unix.inet_addr_of_string (String.sub text 0 i) in
      Unix.ADDR_INET (host, int_of_string port)

let connect text =
  let+ input, output = Lwt_io.open_connection (address text) in
  { input; output }

let close t =
  let quietly channel =
    Lwt.catch (fun () -> Lwt_io.close channel) (fun _ -> Lwt.return_unit)
  in
  let* () = quietly t.output in
  quietly t.input

let encode command =
  let bulk text = Printf.sprintf "$%d\r\n%s\r\n" (String.length text) text in
  Printf.sprintf "*%d\r\n%s" (List.length command)
    (String.concat "" (List.map bulk command))

let write t bytes =
  let* () = Lwt_io.write t.output bytes in
  Lwt_io.flush t.output

let read_bytes t length =
  let bytes = Bytes.create length in
  let+ () = Lwt_io.read_into_exactly t.input bytes 0 length in
  Bytes.unsafe_to_string bytes

let rec read t : Reply.t Lwt.t =
  let* line = Lwt_io.read_line t.input in
  if line = "" then failwith "an empty line for a reply";
  let rest = String.sub line 1 (String.length line - 1) in
  match line.[0] with
  | '+' -> Lwt.return (Reply.Simple rest)
  | '-' -> Lwt.return (Reply.Error rest)
  | ':' -> Lwt.return (Reply.Int (Int64.of_string rest))
  | '_' -> Lwt.return Reply.Null
  | ('$' | '*') when rest = "-1" -> Lwt.return Reply.Null
  | '$' ->
      let length = int_of_string rest in
      let+ text = read_bytes t (length + 2) in
      Reply.Bulk (String.sub text 0 length)
  | '*' ->
      let+ items = read_many t (int_of_string rest) in
      Reply.Array items
  | '%' ->
      let+ items = read_many t (2 * int_of_string rest) in
      let rec entries = function
        | key :: value :: rest -> (key, value) :: entries rest
        | _ -> []
      in
      Reply.Map (entries items)
  | _ -> failwith ("no reply: " ^ line)

and read_many t n =
  if n = 0 then Lwt.return_nil
  else
    let* first = read t in
    let+ rest = read_many t (n - 1) in
    first :: rest

let rec ends t =
  let* closed =
    Lwt.catch
      (fun () -> Lwt.map (fun read -> read = "") (Lwt_io.read ~count:65536 t.input))
      (function
        | Unix.Unix_error ((ECONNRESET | EPIPE), _, _) -> Lwt.return_true
        | e -> Lwt.fail e)
  in
  if closed then Lwt.return_unit else ends t

(* Reads while it writes, since the server does not read while it has replies to write. *)
let pipeline t commands =
  let+ () = write t (String.concat "" (List.map encode commands))
  and+ replies = read_many t (List.length commands) in
  replies

let call t command =
  let+ replies = pipeline t [ command ] in
  List.hd replies
