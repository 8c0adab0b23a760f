type entry = { value : string; deadline : int }

let never = max_int

module Deadlines = Set.Make (struct
  type t = int * Key.t

  let compare (d1, k1) (d2, k2) =
    match Int.compare d1 d2 with 0 -> String.compare k1 k2 | order -> order
end)

type t = {
  clock : unit -> int;
  first : int;
  (* Small tables, so that none takes long to grow. *)
  tables : entry Key.Table.t array;
  mutable deadlines : Deadlines.t;
}

let empty_table _ = Key.Table.create 8

let create ~clock ~first ~slots =
  { clock; first; tables = Array.init slots empty_table; deadlines = Deadlines.empty }

let now t = t.clock ()
let table t key = t.tables.(Key.slot key - t.first)

let remove_deadline t key deadline =
  if deadline <> never then t.deadlines <- Deadlines.remove (deadline, key) t.deadlines

let take_out t key entry =
  Key.Table.remove (table t key) key;
  remove_deadline t key entry.deadline

let has_passed t deadline = deadline <> never && deadline <= now t

let find t key =
  match Key.Table.find_opt (table t key) key with
  | Some entry when has_passed t entry.deadline ->
      take_out t key entry;
      None
  | found -> found

let set t key ~deadline value =
  let table = table t key in
  (* Without any deadline there is none to remove, and the old entry is not looked up. *)
  if not (Deadlines.is_empty t.deadlines) then
    Option.iter
      (fun before -> remove_deadline t key before.deadline)
      (Key.Table.find_opt table key);
  Key.Table.replace table key { value; deadline };
  if deadline <> never then t.deadlines <- Deadlines.add (deadline, key) t.deadlines

let remove t key =
  match find t key with
  | Some entry ->
      take_out t key entry;
      true
  | None -> false

let length t = Array.fold_left (fun n table -> n + Key.Table.length table) 0 t.tables
let expiring t = Deadlines.cardinal t.deadlines

let add_live t table keys =
  let add key entry keys = if has_passed t entry.deadline then keys else key :: keys in
  Key.Table.fold add table keys

let keys t = Array.fold_right (add_live t) t.tables []

let clear t =
  Array.iteri (fun i _ -> t.tables.(i) <- empty_table i) t.tables;
  t.deadlines <- Deadlines.empty

let scan t ~slot ~count =
  let rec go i missing keys =
    if i = Array.length t.tables || missing <= 0 then (keys, t.first + i)
    else
      let table = t.tables.(i) in
      go (i + 1) (missing - Key.Table.length table) (add_live t table keys)
  in
  go (slot - t.first) count []

let rec sweep t ~at_most =
  match Deadlines.min_elt_opt t.deadlines with
  | Some (deadline, key) when at_most > 0 && has_passed t deadline ->
      t.deadlines <- Deadlines.remove (deadline, key) t.deadlines;
      Key.Table.remove (table t key) key;
      1 + sweep t ~at_most:(at_most - 1)
  | _ -> 0
