type 'a t = { mutable keys : int array; mutable values : 'a array; nothing : 'a }

let no_key = -1
let create nothing = { keys = [||]; values = [||]; nothing }

(* See [runtime/src/slots.rs]: the upper bits are a generation. *)
let index key = key land 0xffff_ffff

let rec set t key value =
  let i = index key in
  let size = Array.length t.keys in
  if i < size then (
    t.keys.(i) <- key;
    t.values.(i) <- value)
  else
    let grown = max (i + 1) (2 * size) in
    let keys = Array.make grown no_key and values = Array.make grown t.nothing in
    (* A signal handler that ran meanwhile may have called Rust, and grown the table. *)
    if Array.length t.keys = size then (
      Array.blit t.keys 0 keys 0 size;
      Array.blit t.values 0 values 0 size;
      t.keys <- keys;
      t.values <- values);
    set t key value

let take t key =
  let i = index key in
  if i < Array.length t.keys && t.keys.(i) = key then (
    let value = t.values.(i) in
    t.keys.(i) <- no_key;
    t.values.(i) <- t.nothing;
    value)
  else t.nothing

let iter f t = Array.iter f t.values
