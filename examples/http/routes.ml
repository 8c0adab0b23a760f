open Lwt.Syntax
open Lwt_interop
open Message

type t = {
  sessions : Sessions.t;
  client : Rust.Client.t;
  upstream : string option;
  timeout : float;
  rounds_per_us : float;
}

let ok = Lwt.return
let hello = ok (text "Hello, world!")
let bad_request why = ok (text ~status:400 why)
let not_found = ok (text ~status:404 "no such route")

let with_number request name ~most f =
  match Option.bind (parameter request name) int_of_string_opt with
  | Some n when n >= 0 && n <= most -> f n
  | _ -> bad_request (Printf.sprintf "expected ?%s=N with a number up to %d" name most)

(* In microseconds: nothing can stop a handler that computes, not even its timeout. *)
let longest_compute = 1_000_000

(* In milliseconds. The timeout may be shorter. *)
let longest_sleep = 1_000_000_000

(* OCaml code that keeps its domain busy. The other domains go on. *)
let compute t us =
  let rounds = Compute.of_us ~rounds_per_us:t.rounds_per_us us in
  ok (text (string_of_int (Compute.run ~rounds)))

let sleep ms =
  let+ () = Rust.sleep (float_of_int ms /. 1000.) in
  text (Printf.sprintf "slept for %d ms" ms)

let echo body =
  match Rust.compact_json body with
  | Ok compact -> ok (json compact)
  | Error why -> bad_request ("the body is not JSON: " ^ why)

let proxy t path (request : Rust.request) =
  match t.upstream with
  | None -> ok (text ~status:404 "the server was started without --upstream")
  | Some upstream ->
      let query = if request.query = "" then "" else "?" ^ request.query in
      let url = upstream ^ "/" ^ String.concat "/" path ^ query in
      Lwt.catch
        (fun () ->
          let+ status, headers, body = Rust.Client.forward t.client url request.headers in
          { Rust.status; headers; body = Whole body })
        (function
          | Rust_error { message; _ } -> ok (text ~status:502 message) | e -> Lwt.fail e)

(* The streams of responses that are open, and the lines that they have produced, on all domains. *)
let open_streams = Atomic.make 0
let lines_produced = Atomic.make 0
let most_lines = 1_000_000_000

let counted next =
  Atomic.incr open_streams;
  Stream.from ~close:(fun () -> Atomic.decr open_streams) next

(* The client reads as fast as it likes: nothing is produced that it has no room for. *)
let count_to n =
  let last = ref 0 in
  let next () =
    if !last = n then Lwt.return_none
    else (
      incr last;
      Atomic.incr lines_produced;
      Lwt.return_some (string_of_int !last ^ "\n"))
  in
  ok (lines (counted next))

(* Server-sent events: [n] ticks, one every [ms] milliseconds. *)
let ticks ~ms n =
  let last = ref 0 in
  let next () =
    if !last = n then Lwt.return_none
    else
      let+ () = Rust.sleep (float_of_int ms /. 1000.) in
      incr last;
      Some (Printf.sprintf "data: %d\n\n" !last)
  in
  ok (events (counted next))

let newlines part = String.fold_left (fun n c -> if c = '\n' then n + 1 else n) 0 part

(* The body, however long, is never in memory as a whole. *)
let count parts =
  let add (bytes, lines) part =
    Lwt.return (bytes + String.length part, lines + newlines part)
  in
  let+ bytes, lines = Stream.fold add (0, 0) parts in
  json (Printf.sprintf {|{"bytes":%d,"lines":%d}|} bytes lines)

(* The response begins before the request has ended. A client that does not read it is not read
   either. *)
let upper parts = ok (lines (Stream.map String.uppercase_ascii parts))
let most_of_a_line = 1000

(* [with_stream] closes the stream, and the rest of the body is not read. *)
let first_line parts =
  let rec read line parts =
    let* part = Stream.next parts in
    let line = line ^ Option.value part ~default:"\n" in
    match String.index_opt line '\n' with
    | Some length -> ok (text (String.sub line 0 length))
    | None when String.length line > most_of_a_line -> bad_request "the line is too long"
    | None -> read line parts
  in
  Stream.with_stream parts (read "")

let panic () =
  let+ () = Rust.panic "Rust has a bug" in
  text "no panic"

let start_session t =
  let+ session = Sessions.start t.sessions in
  match session with
  | Some name -> text ~status:201 name
  | None -> text ~status:503 "there are too many sessions"

let get_value t session key =
  let+ value = Sessions.get t.sessions session key in
  match value with
  | Some value -> text value
  | None -> text ~status:404 "no such session, or no such key"

let set_value t session key value =
  let+ outcome = Sessions.set t.sessions session key value in
  match outcome with
  | Some `Set -> text "set"
  | Some `Full -> text ~status:507 "the session is full, or all sessions together are"
  | None -> text ~status:404 "no such session"

let finish_session t session =
  let+ () = Sessions.finish t.sessions session in
  text "finished"

let stats () =
  let counts = totals () in
  ok
    (json
       (Printf.sprintf
          {|{"sleepers":%d,"readers":%d,"calls":%d,"domains":%d,"domain":%d,"streams":%d,"lines":%d}|}
          (Rust.sleepers ()) (Rust.Body.readers ()) counts.calls_resolved counts.domains
          (Domain.self () :> int)
          (Atomic.get open_streams) (Atomic.get lines_produced)))

let segments path = List.filter (( <> ) "") (String.split_on_char '/' path)

type handler =
  | Answer of (unit -> Rust.response Lwt.t)
  (* Gets the whole body. *)
  | Whole of (string -> Rust.response Lwt.t)
  (* Gets the body part by part. *)
  | Parts of (string Stream.t -> Rust.response Lwt.t)

(* The methods of a path, each with its handler. *)
let methods t (request : Rust.request) =
  let get f = [ ("GET", Answer f) ] in
  match segments request.path with
  | [] -> get (fun () -> hello)
  | [ "compute" ] ->
      get (fun () -> with_number request "us" ~most:longest_compute (compute t))
  | [ "sleep" ] -> get (fun () -> with_number request "ms" ~most:longest_sleep sleep)
  | [ "lines" ] -> get (fun () -> with_number request "n" ~most:most_lines count_to)
  | [ "events" ] ->
      let every ms = with_number request "n" ~most:most_lines (ticks ~ms) in
      get (fun () -> with_number request "ms" ~most:longest_sleep every)
  | [ "raise" ] -> get (fun () -> failwith "a handler has a bug")
  | [ "panic" ] -> get panic
  | [ "echo" ] -> [ ("POST", Whole echo) ]
  | [ "count" ] -> [ ("POST", Parts count) ]
  | [ "upper" ] -> [ ("POST", Parts upper) ]
  | [ "first-line" ] -> [ ("POST", Parts first_line) ]
  | "proxy" :: path -> get (fun () -> proxy t path request)
  | [ "sessions" ] -> [ ("POST", Answer (fun () -> start_session t)) ]
  | [ "sessions"; session ] -> [ ("DELETE", Answer (fun () -> finish_session t session)) ]
  | [ "sessions"; session; key ] ->
      [
        ("GET", Answer (fun () -> get_value t session key));
        ("PUT", Whole (set_value t session key));
      ]
  | [ "stats" ] -> get stats
  | _ -> []

let wrong_method methods =
  let name (meth, _) = if meth = "GET" then "GET, HEAD" else meth in
  let response = text ~status:405 "wrong method" in
  let allow = ("allow", String.concat ", " (List.map name methods)) in
  ok { response with headers = Array.append response.headers [| allow |] }

(* [Lwt.pick] cancels the promise that is still pending, and so drops its Rust future. *)
let in_time t answer =
  if not (Lwt.is_sleeping answer) then answer
  else
    let too_late () =
      let+ () = Lwt_unix.sleep t.timeout in
      text ~status:504 (Printf.sprintf "no answer within %g s" t.timeout)
    in
    Lwt.pick [ answer; too_late () ]

(* Bodies have a time limit of their own. *)
let run t request = function
  | Answer f -> in_time t (f ())
  | Whole f -> (
      let* body = whole request in
      match body with Ok body -> in_time t (f body) | Error why -> ok (unreadable why))
  | Parts f ->
      Lwt.catch
        (fun () -> f (parts request))
        (function Rust.Body_failed why -> ok (unreadable why) | e -> Lwt.fail e)

let handle t (request : Rust.request) =
  (* hyper omits the body. *)
  let meth = if request.meth = "HEAD" then "GET" else request.meth in
  match methods t request with
  | [] -> not_found
  | methods -> (
      match List.assoc_opt meth methods with
      | Some handler -> run t request handler
      | None -> wrong_method methods)
