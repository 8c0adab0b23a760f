type entry = { word : string; hash : int; mutable count : int }

(* Open addressing: an entry is in the first slot from [hash land mask] on that was free. *)
type t = { mutable slots : entry array; mutable size : int }

let free = { word = ""; hash = 0; count = 0 }
let initial = 1 lsl 12
let create () = { slots = Array.make initial free; size = 0 }
let size t = t.size

let insert slots entry =
  let mask = Array.length slots - 1 in
  let rec go i =
    if slots.(i) == free then slots.(i) <- entry else go ((i + 1) land mask)
  in
  go (entry.hash land mask)

let add t entry =
  if 2 * t.size >= Array.length t.slots then (
    let slots = Array.make (2 * Array.length t.slots) free in
    Array.iter (fun e -> if e != free then insert slots e) t.slots;
    t.slots <- slots);
  insert t.slots entry;
  t.size <- t.size + 1

let is word buffer length =
  let rec same i = i = length || (word.[i] = Bytes.get buffer i && same (i + 1)) in
  String.length word = length && same 0

let count t buffer ~length ~hash =
  let mask = Array.length t.slots - 1 in
  let rec find i =
    let e = t.slots.(i) in
    if e == free then add t { word = Bytes.sub_string buffer 0 length; hash; count = 1 }
    else if e.hash = hash && is e.word buffer length then e.count <- e.count + 1
    else find ((i + 1) land mask)
  in
  find (hash land mask)

let merge t entries =
  let merge entry =
    let mask = Array.length t.slots - 1 in
    let rec find i =
      let e = t.slots.(i) in
      if e == free then add t entry
      else if e.hash = entry.hash && String.equal e.word entry.word then
        e.count <- e.count + entry.count
      else find ((i + 1) land mask)
    in
    find (entry.hash land mask)
  in
  List.iter merge entries

let fold f t acc =
  Array.fold_left (fun acc e -> if e == free then acc else f e acc) acc t.slots

let take t ~parts =
  let lists = Array.make parts [] in
  (* Not the bits that choose the slot: the tables of the parts would have clusters. *)
  let part e = (e.hash lsr 32) mod parts in
  fold (fun e () -> lists.(part e) <- e :: lists.(part e)) t ();
  Array.fill t.slots 0 (Array.length t.slots) free;
  t.size <- 0;
  lists

let to_array t = Array.of_list (fold (fun e all -> (e.word, e.count) :: all) t [])
