let shortest = 2
let longest = 64

(* For each byte: the byte that it is in a word, or '\000' if it separates words. In UTF-8, the first
   byte of a character determines its block. A continuation byte, 0x80 to 0xbf, belongs to the word of
   its character, and never starts one. *)
let inside, at_start =
  let letter = function
    | ('a' .. 'z' | '0' .. '9' | '_') as c -> c
    | 'A' .. 'Z' as c -> Char.lowercase_ascii c
    | ('\xc3' .. '\xe1' | '\xe3' .. '\xed') as c -> c
    | _ -> '\000'
  in
  let continuation = function '\x80' .. '\xbf' as c -> c | c -> letter c in
  let table f = String.init 256 (fun i -> f (Char.chr i)) in
  (table continuation, table letter)

let look_up table c = String.unsafe_get table (Char.code c)

(* FNV-1a on 63 bits. *)
let hash_start = 0x4bf29ce484222325
let hash_add hash c = hash lxor Char.code c * 0x100000001b3
let hash_end hash = hash lxor (hash lsr 29) land max_int

let count counts text =
  let buffer = Bytes.create longest in
  let words = ref 0 in
  let finish length hash =
    if length >= shortest && length <= longest then (
      incr words;
      Counts.count counts buffer ~length ~hash:(hash_end hash))
  in
  let rec between i =
    if i < String.length text then
      let c = look_up at_start (String.unsafe_get text i) in
      if c = '\000' then between (i + 1) else word i c 0 hash_start
  (* [c] is the byte at [i], in lower case; [length] bytes of the word came before it. *)
  and word i c length hash =
    if length < longest then Bytes.unsafe_set buffer length c;
    let i = i + 1 and length = length + 1 and hash = hash_add hash c in
    if i = String.length text then finish length hash
    else
      let c = look_up inside (String.unsafe_get text i) in
      if c <> '\000' then word i c length hash
      else (
        finish length hash;
        between i)
  in
  between 0;
  !words
