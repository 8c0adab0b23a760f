let respond ?(status = 200) content_type body =
  { Rust.status; headers = [| ("content-type", content_type) |]; body }

let text ?status body = respond ?status "text/plain; charset=utf-8" (body ^ "\n")
let json ?status body = respond ?status "application/json" body

(* Escapes are not decoded: all parameters are numbers. *)
let parameter (request : Rust.request) name =
  let find pair =
    match String.index_opt pair '=' with
    | Some i when String.sub pair 0 i = name ->
        Some (String.sub pair (i + 1) (String.length pair - i - 1))
    | _ -> None
  in
  List.find_map find (String.split_on_char '&' request.query)
