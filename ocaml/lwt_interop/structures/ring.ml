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

let[@poll error] pop ring =
  (* An empty ring has [None] in every slot. *)
  let x = ring.slots.(ring.first) in
  if ring.length > 0 then (
    ring.slots.(ring.first) <- None;
    ring.first <- wrap ring (ring.first + 1);
    ring.length <- ring.length - 1);
  x
