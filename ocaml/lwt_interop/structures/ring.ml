type 'a t = {
  slots : 'a option array;
  (* The index of the oldest element. *)
  mutable first : int;
  mutable length : int;
}

let create capacity = { slots = Array.make capacity None; first = 0; length = 0 }
let capacity ring = Array.length ring.slots
let length ring = ring.length

let[@inline] wrap ring i =
  let n = Array.length ring.slots in
  if i < n then i else i - n

let[@poll error] push ring x =
  ring.slots.(wrap ring (ring.first + ring.length)) <- x;
  ring.length <- ring.length + 1

external blit : 'a array -> int -> 'a array -> int -> int -> unit = "caml_array_blit"
external fill : 'a array -> int -> int -> 'a -> unit = "caml_array_fill"

(* These are C functions, which do not poll. *)

let push_many ring source from n =
  let start = wrap ring (ring.first + ring.length) in
  let before_end = Array.length ring.slots - start in
  if n <= before_end then blit source from ring.slots start n
  else (
    blit source from ring.slots start before_end;
    blit source (from + before_end) ring.slots 0 (n - before_end));
  ring.length <- ring.length + n

let copy ring target n =
  let before_end = Array.length ring.slots - ring.first in
  if n <= before_end then blit ring.slots ring.first target 0 n
  else (
    blit ring.slots ring.first target 0 before_end;
    blit ring.slots 0 target before_end (n - before_end))

let pop_many ring target n =
  copy ring target n;
  let before_end = Array.length ring.slots - ring.first in
  if n <= before_end then fill ring.slots ring.first n None
  else (
    fill ring.slots ring.first before_end None;
    fill ring.slots 0 (n - before_end) None);
  ring.first <- wrap ring (ring.first + n);
  ring.length <- ring.length - n

let[@poll error] pop ring =
  (* An empty ring has [None] in every slot. *)
  let x = ring.slots.(ring.first) in
  if ring.length > 0 then (
    ring.slots.(ring.first) <- None;
    ring.first <- wrap ring (ring.first + 1);
    ring.length <- ring.length - 1);
  x
