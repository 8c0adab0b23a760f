type entry =
  | Absent
  | Entry of {
      text : string;
      hash : int;
      mutable value : string;
      mutable deadline : int;
      mutable next : entry;
    }

(* The number of buckets is a power of two. *)
type t = { mutable buckets : entry array; mutable length : int }

let absent = Absent
let create () = { buckets = Array.make 8 Absent; length = 0 }
let length t = t.length
let bucket buckets hash = hash land (Array.length buckets - 1)

let rec find_from entry (key : Key.t) =
  match entry with
  | Absent -> Absent
  | Entry { text; hash; _ } when hash = key.hash && String.equal text key.text -> entry
  | Entry { next; _ } -> find_from next key

let find t (key : Key.t) = find_from t.buckets.(bucket t.buckets key.hash) key

let prefetch t (key : Key.t) =
  match t.buckets.(bucket t.buckets key.hash) with
  | Absent -> ()
  | Entry { text; value; _ } ->
      (* The lengths are in the blocks. *)
      ignore (Sys.opaque_identity (String.length text + String.length value) : int)

let grow t =
  let buckets = Array.make (2 * Array.length t.buckets) Absent in
  let rec move = function
    | Absent -> ()
    | Entry e as entry ->
        let next = e.next and i = bucket buckets e.hash in
        e.next <- buckets.(i);
        buckets.(i) <- entry;
        move next
  in
  Array.iter move t.buckets;
  t.buckets <- buckets

let set t (key : Key.t) ~deadline value =
  match find t key with
  | Entry e ->
      e.value <- value;
      e.deadline <- deadline
  | Absent ->
      if t.length = Array.length t.buckets then grow t;
      let { Key.text; hash } = key in
      let i = bucket t.buckets hash in
      t.buckets.(i) <- Entry { text; hash; value; deadline; next = t.buckets.(i) };
      t.length <- t.length + 1

let remove t (key : Key.t) =
  match find t key with
  | Absent -> ()
  | Entry { next = after; _ } as entry ->
      let i = bucket t.buckets key.hash in
      let rec unlink = function
        | Absent -> ()
        | Entry e -> if e.next == entry then e.next <- after else unlink e.next
      in
      if t.buckets.(i) == entry then t.buckets.(i) <- after else unlink t.buckets.(i);
      t.length <- t.length - 1

let fold f t init =
  let rec add result = function
    | Absent -> result
    | Entry { text; deadline; next; _ } -> add (f text ~deadline result) next
  in
  Array.fold_left add init t.buckets
