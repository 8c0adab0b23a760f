type 'a t = {
  mutable values : 'a array;
  (* The free keys are a list: its first one, or -1, and the next one of each. *)
  mutable free : int;
  mutable next_free : int array;
  empty : 'a;
}

let create empty = { values = [||]; free = -1; next_free = [||]; empty }

(* Prepends the keys from [size] on to the free ones. *)
let[@poll error] add_keys slab size values next_free =
  next_free.(Array.length next_free - 1) <- slab.free;
  slab.values <- values;
  slab.next_free <- next_free;
  slab.free <- size

let grow slab =
  let size = Array.length slab.values in
  let larger = Int.max 8 (2 * size) in
  let values = Array.make larger slab.empty in
  let next_free = Array.init larger (fun i -> i + 1) in
  (* A signal handler that ran during the allocations may have grown the slab; then these are too
     old to use. *)
  if Array.length slab.values = size then (
    Array.blit slab.values 0 values 0 size;
    Array.blit slab.next_free 0 next_free 0 size;
    add_keys slab size values next_free)

(* -1 if no key is free. *)
let[@poll error] pop slab =
  let key = slab.free in
  if key >= 0 then slab.free <- Array.unsafe_get slab.next_free key;
  key

let rec take_key slab =
  match pop slab with
  | -1 ->
      grow slab;
      take_key slab
  | key -> key

let set slab key value = slab.values.(key) <- value
let get slab key = slab.values.(key)

let[@poll error] release slab key =
  slab.values.(key) <- slab.empty;
  slab.next_free.(key) <- slab.free;
  slab.free <- key

let iter f slab = Array.iter f slab.values
