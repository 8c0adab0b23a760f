let respond ?(status = 200) content_type body =
  { Rust.status; headers = [| ("content-type", content_type) |]; body }

let text ?status line =
  respond ?status "text/plain; charset=utf-8" (Rust.Whole (line ^ "\n"))

let json ?status document = respond ?status "application/json" (Rust.Whole document)
let lines parts = respond "text/plain; charset=utf-8" (Rust.Parts parts)
let events parts = respond "text/event-stream" (Rust.Parts parts)

let whole (request : Rust.request) =
  match request.body with None -> Lwt.return_ok "" | Some body -> Rust.Body.whole body

let parts (request : Rust.request) =
  match request.body with
  | None -> Lwt_interop.Stream.of_list []
  | Some body -> Rust.Body.parts body

let unreadable = function
  | Rust.Too_long -> text ~status:413 "413 Payload Too Large"
  | Too_slow -> text ~status:408 "408 Request Timeout"
  | Broken why -> text ~status:400 ("400 Bad Request: " ^ why)

(* Escapes are not decoded: all parameters are numbers. *)
let parameter (request : Rust.request) name =
  let find pair =
    match String.index_opt pair '=' with
    | Some i when String.sub pair 0 i = name ->
        Some (String.sub pair (i + 1) (String.length pair - i - 1))
    | _ -> None
  in
  List.find_map find (String.split_on_char '&' request.query)
