type 'a t = { mutable values : 'a array; nothing : 'a }

let create nothing = { values = [||]; nothing }

(* See [runtime/src/slots.rs]: the upper bits are a generation. *)
let index key = key land 0xffff_ffff

let rec set t key value =
  let i = index key in
  let size = Array.length t.values in
  if i < size then Array.unsafe_set t.values i value
  else
    let values = Array.make (max (i + 1) (2 * size)) t.nothing in
    (* A signal handler that ran meanwhile may have called Rust, and grown the table. *)
    if Array.length t.values = size then (
      Array.blit t.values 0 values 0 size;
      t.values <- values);
    set t key value

let take t key =
  let i = index key in
  if i < Array.length t.values then (
    let value = Array.unsafe_get t.values i in
    Array.unsafe_set t.values i t.nothing;
    value)
  else t.nothing

let drain f t =
  let values = t.values in
  t.values <- [||];
  Array.iter f values
