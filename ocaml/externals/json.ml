type t =
  | Bool of bool
  | Int of int
  | String of string
  | List of t list
  | Object of (string * t) list

let string buffer s =
  Buffer.add_char buffer '"';
  String.iter
    (function
      | '"' -> Buffer.add_string buffer "\\\""
      | '\\' -> Buffer.add_string buffer "\\\\"
      | '\n' -> Buffer.add_string buffer "\\n"
      | c when c < ' ' -> Printf.bprintf buffer "\\u%04x" (Char.code c)
      | c -> Buffer.add_char buffer c)
    s;
  Buffer.add_char buffer '"'

let separated buffer separator add items =
  List.iteri
    (fun i item ->
      if i > 0 then Buffer.add_string buffer separator;
      add item)
    items

let rec add buffer = function
  | Bool b -> Buffer.add_string buffer (string_of_bool b)
  | Int n -> Buffer.add_string buffer (string_of_int n)
  | String s -> string buffer s
  | List items ->
      Buffer.add_char buffer '[';
      separated buffer "," (add buffer) items;
      Buffer.add_char buffer ']'
  | Object members ->
      let member (name, value) =
        string buffer name;
        Buffer.add_char buffer ':';
        add buffer value
      in
      Buffer.add_char buffer '{';
      separated buffer "," member members;
      Buffer.add_char buffer '}'

let output channel value =
  let buffer = Buffer.create 65536 in
  add buffer value;
  Buffer.output_buffer channel buffer
