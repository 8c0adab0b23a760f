type request = {
  meth : string;
  path : string;
  query : string;
  headers : (string * string) array;
  body : string;
}

type response = { status : int; headers : (string * string) array; body : string }

let respond ?(status = 200) content_type body =
  { status; headers = [| ("content-type", content_type) |]; body }

let text ?status body = respond ?status "text/plain; charset=utf-8" (body ^ "\n")
let json ?status body = respond ?status "application/json" body

(* Escapes are not decoded: all parameters are numbers. *)
let parameter (request : request) name =
  let find pair =
    match String.index_opt pair '=' with
    | Some i when String.sub pair 0 i = name ->
        Some (String.sub pair (i + 1) (String.length pair - i - 1))
    | _ -> None
  in
  List.find_map find (String.split_on_char '&' request.query)
