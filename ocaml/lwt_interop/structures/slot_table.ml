type 'a t = {
  mutable values : 'a array;
  empty : 'a;
  (* The index that [drain] continues at. *)
  mutable drained : int;
}

let create empty = { values = [||]; empty; drained = 0 }

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

let get table key =
  let i = index key in
  if i < Array.length table.values then Array.unsafe_get table.values i else table.empty

let clear table key =
  let i = index key in
  if i < Array.length table.values then Array.unsafe_set table.values i table.empty

let take table key =
  let i = index key in
  if i < Array.length table.values then (
    let value = Array.unsafe_get table.values i in
    Array.unsafe_set table.values i table.empty;
    value)
  else table.empty

let rec drain f table =
  let i = table.drained in
  if i < Array.length table.values then (
    f (Array.unsafe_get table.values i);
    if i < Array.length table.values then Array.unsafe_set table.values i table.empty;
    table.drained <- i + 1;
    drain f table)
  else (
    table.values <- [||];
    table.drained <- 0)
