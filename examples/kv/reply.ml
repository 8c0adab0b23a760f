type t = Rust.reply =
  | Simple of string
  | Error of string
  | Int of int64
  | Bulk of string
  | Null
  | Array of t list
  | Map of (t * t) list

let ok = Simple "OK"
let int n = Int (Int64.of_int n)
let bool b = Int (if b then 1L else 0L)
let strings list = Array (List.map (fun text -> Bulk text) list)
let error format = Printf.ksprintf (fun text -> Error ("ERR " ^ text)) format

let sum replies =
  let add n = function Int m -> Int64.add n m | _ -> n in
  Int (List.fold_left add 0L replies)

type pending = (int * t list) list

let line b kind text =
  Buffer.add_char b kind;
  Buffer.add_string b text;
  Buffer.add_string b "\r\n"

(* A line break in an error would end the reply. *)
let one_line text = String.map (function '\r' | '\n' -> ' ' | c -> c) text

let bulk_string b text =
  line b '$' (Decimal.of_int (String.length text));
  Buffer.add_string b text;
  Buffer.add_string b "\r\n"

let rec write b ~limit = function
  | [] -> []
  | (_, []) :: rest -> write b ~limit rest
  | rest when Buffer.length b >= limit -> rest
  | (resp, reply :: more) :: rest -> (
      let rest = (resp, more) :: rest in
      let header kind length = line b kind (Decimal.of_int length) in
      match reply with
      | Array items ->
          header '*' (List.length items);
          write b ~limit ((resp, items) :: rest)
      | Map entries ->
          let length = List.length entries in
          if resp = 2 then header '*' (2 * length) else header '%' length;
          let items = List.concat_map (fun (key, value) -> [ key; value ]) entries in
          write b ~limit ((resp, items) :: rest)
      | scalar ->
          (match scalar with
          | Simple text -> line b '+' text
          | Error text -> line b '-' (one_line text)
          | Int n -> line b ':' (Decimal.of_int64 n)
          | Bulk text -> bulk_string b text
          | Null | Array _ | Map _ ->
              Buffer.add_string b (if resp = 2 then "$-1\r\n" else "_\r\n"));
          write b ~limit rest)
