type 'a t = { mutable values : 'a array; empty : 'a }

let create empty = { values = [||]; empty }

(* The upper bits of a key are its generation. *)
let index key = key land 0xffff_ffff

let rec set table key value =
  let i = index key in
  let size = Array.length table.values in
  if i < size then Array.unsafe_set table.values i value
  else
    let values = Array.make (max (i + 1) (2 * size)) table.empty in
    (* A signal handler that ran during the allocation may have called Rust, which grew the
       table; then the new array is too old to use. *)
    if Array.length table.values = size then (
      Array.blit table.values 0 values 0 size;
      table.values <- values);
    set table key value

let take table key =
  let i = index key in
  if i < Array.length table.values then (
    let value = Array.unsafe_get table.values i in
    Array.unsafe_set table.values i table.empty;
    value)
  else table.empty

let drain f table =
  let values = table.values in
  table.values <- [||];
  Array.iter f values
