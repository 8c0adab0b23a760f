type t = Atom of string | List of t list

exception Malformed

let of_string text =
  let n = String.length text in
  let at = ref 0 in
  let quoted () =
    let from = !at in
    incr at;
    while !at < n && text.[!at] <> '"' do
      at := !at + if text.[!at] = '\\' then 2 else 1
    done;
    if !at >= n then raise Malformed;
    incr at;
    Scanf.sscanf (String.sub text from (!at - from)) "%S" Fun.id
  in
  let rec bare () =
    match if !at < n then text.[!at] else ' ' with
    | ' ' | '\n' | '\t' | '\r' | '(' | ')' | '"' | ';' -> ()
    | _ ->
        incr at;
        bare ()
  in
  let rec expressions ~nested found =
    if !at >= n then if nested then raise Malformed else List.rev found
    else
      match text.[!at] with
      | ' ' | '\n' | '\t' | '\r' ->
          incr at;
          expressions ~nested found
      | ';' ->
          while !at < n && text.[!at] <> '\n' do
            incr at
          done;
          expressions ~nested found
      | ')' ->
          if not nested then raise Malformed;
          incr at;
          List.rev found
      | '(' ->
          incr at;
          let inner = expressions ~nested:true [] in
          expressions ~nested (List inner :: found)
      | '"' ->
          let atom = Atom (quoted ()) in
          expressions ~nested (atom :: found)
      | _ ->
          let from = !at in
          bare ();
          expressions ~nested (Atom (String.sub text from (!at - from)) :: found)
  in
  expressions ~nested:false []

let fields name = function
  | Atom _ -> []
  | List items ->
      List.filter_map
        (function List (Atom n :: rest) when n = name -> Some rest | _ -> None)
        items

let atoms = List.filter_map (function Atom a -> Some a | List _ -> None)
