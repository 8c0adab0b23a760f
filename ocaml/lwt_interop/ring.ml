type 'a t = {
  slots : 'a option array;
  (* Where the oldest element is. *)
  mutable first : int;
  mutable length : int;
}

let create capacity = { slots = Array.make capacity None; first = 0; length = 0 }
let capacity r = Array.length r.slots
let length r = r.length

let[@inline] slot r i =
  let n = Array.length r.slots in
  if i < n then i else i - n

let[@poll error] push r x =
  r.slots.(slot r (r.first + r.length)) <- x;
  r.length <- r.length + 1

let[@poll error] pop r =
  let x = r.slots.(r.first) in
  if r.length > 0 then (
    r.slots.(r.first) <- None;
    r.first <- slot r (r.first + 1);
    r.length <- r.length - 1);
  x
