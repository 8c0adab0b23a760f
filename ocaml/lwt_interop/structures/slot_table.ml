(* Rust stores into [values]: see runtime/src/ffi/promises.rs. *)
type 'a t = {
  mutable values : 'a array;
  empty : 'a;
  (* The values that [drain] has begun with, and the index that it continues at. *)
  mutable draining : 'a array;
  mutable drained : int;
}

let create empty = { values = [||]; empty; draining = [||]; drained = 0 }

(* The upper bits of a key are its generation. *)
let index key = key land 0xffff_ffff

(* Makes room for index [i], for which there is none. *)
let grow table i =
  let size = Array.length table.values in
  let values = Array.make (max (i + 1) (2 * size)) table.empty in
  (* A signal handler that ran during the allocation may have called Rust, which grew the
     table; then the new array is too old to use. *)
  if Array.length table.values = size then (
    Array.blit table.values 0 values 0 size;
    table.values <- values)

let has_room table key = index key < Array.length table.values

let rec reserve table key =
  if not (has_room table key) then (
    grow table (index key);
    reserve table key)

let rec set table key value =
  if has_room table key then Array.unsafe_set table.values (index key) value
  else (
    grow table (index key);
    set table key value)

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
  if i < Array.length table.draining then (
    f (Array.unsafe_get table.draining i);
    if i < Array.length table.draining then Array.unsafe_set table.draining i table.empty;
    table.drained <- i + 1;
    drain f table)
  else (
    (* Nothing polls between these. *)
    table.draining <- table.values;
    table.values <- [||];
    table.drained <- 0;
    if Array.length table.draining > 0 then drain f table)
