exception Rejected of Reply.t

let reject format = Printf.ksprintf (fun text -> raise (Rejected (Error text))) format
let syntax_error () = reject "ERR syntax error"
let not_an_integer = Reply.error "value is not an integer or out of range"
let upper = String.uppercase_ascii

(* As Redis writes integers: no plus sign, no leading zeros. *)
let is_integer text =
  let is_digit c = '0' <= c && c <= '9' in
  let rec digits i = i = String.length text || (is_digit text.[i] && digits (i + 1)) in
  let first = if String.starts_with ~prefix:"-" text then 1 else 0 in
  text = "0" || (first < String.length text && text.[first] <> '0' && digits first)

let int64_opt text = if is_integer text then Int64.of_string_opt text else None

let int64 text =
  match int64_opt text with Some n -> n | None -> raise (Rejected not_an_integer)

let fits n = Int64.unsigned_to_int (Int64.abs n) <> None

let int text =
  let n = int64 text in
  if fits n then Int64.to_int n else raise (Rejected not_an_integer)

let position text =
  let n = int64 text in
  let far = max_int / 4 in
  if fits n then max (-far) (min far (Int64.to_int n)) else if n < 0L then -far else far
