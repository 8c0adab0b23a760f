let never = max_int

module Deadlines = Set.Make (struct
  type t = int * string

  let compare (d1, k1) (d2, k2) =
    match Int.compare d1 d2 with 0 -> String.compare k1 k2 | order -> order
end)

type t = {
  clock : unit -> int;
  first : int;
  (* Small tables, so that none takes long to grow. *)
  tables : Table.t array;
  mutable deadlines : Deadlines.t;
}

let create ~clock ~first ~slots =
  let table _ = Table.create () in
  { clock; first; tables = Array.init slots table; deadlines = Deadlines.empty }

let now t = t.clock ()
let table t key = t.tables.(Key.slot key - t.first)

let remove_deadline t (key : Key.t) deadline =
  if deadline <> never then
    t.deadlines <- Deadlines.remove (deadline, key.text) t.deadlines

let take_out t key ~deadline =
  Table.remove (table t key) key;
  remove_deadline t key deadline

let has_passed t deadline = deadline <> never && deadline <= now t

let find t key : Table.entry =
  match Table.find (table t key) key with
  | Entry { deadline; _ } when has_passed t deadline ->
      take_out t key ~deadline;
      Table.absent
  | found -> found

let prefetch t key = Table.prefetch (table t key) key

let set t key ~deadline value =
  let table = table t key in
  (* Without any deadline there is none to remove, and one look-up is enough. *)
  (if not (Deadlines.is_empty t.deadlines) then
     match Table.find table key with
     | Entry { deadline; _ } -> remove_deadline t key deadline
     | Absent -> ());
  Table.set table key ~deadline value;
  if deadline <> never then t.deadlines <- Deadlines.add (deadline, key.text) t.deadlines

let remove t key =
  match find t key with
  | Entry { deadline; _ } ->
      take_out t key ~deadline;
      true
  | Absent -> false

let length t = Array.fold_left (fun n table -> n + Table.length table) 0 t.tables
let expiring t = Deadlines.cardinal t.deadlines

let add_live t table keys =
  let add key ~deadline keys = if has_passed t deadline then keys else key :: keys in
  Table.fold add table keys

let keys t = Array.fold_right (add_live t) t.tables []

let clear t =
  Array.iteri (fun i _ -> t.tables.(i) <- Table.create ()) t.tables;
  t.deadlines <- Deadlines.empty

let scan t ~slot ~count =
  let rec go i missing keys =
    if i = Array.length t.tables || missing <= 0 then (keys, t.first + i)
    else
      let table = t.tables.(i) in
      go (i + 1) (missing - Table.length table) (add_live t table keys)
  in
  go (slot - t.first) count []

let rec sweep t ~at_most =
  match Deadlines.min_elt_opt t.deadlines with
  | Some (deadline, key) when at_most > 0 && has_passed t deadline ->
      take_out t (Key.of_string key) ~deadline;
      1 + sweep t ~at_most:(at_most - 1)
  | _ -> 0
