(* A [Domain.DLS.key] is a block whose first field is an index into the table
   that [%dls_get] returns; a cell without a value holds one fixed marker.
   [probe.ml] tests exactly this when the library is built, and [none] tests it
   again when the program starts. *)

type 'a t = { index : int; key : 'a Domain.DLS.key }

(* No more than the index: one load less. *)
type 'a eager = int

(* A type of pointers: reading an array of it needs no test for floats. *)
type cell = Cell of int ref [@@boxed]

(* Of any argument: one that is at hand costs nothing. *)
external table : 'a -> cell array = "%dls_get"
external hide : 'a -> cell = "%identity"
external reveal : cell -> 'a = "%identity"

let direct = true
let index_of (key : 'a Domain.DLS.key) : int = Obj.obj (Obj.field (Obj.repr key) 0)

(* The marker of a cell without a value. *)
let none =
  let empty = Domain.DLS.new_key (fun () -> ref 1) in
  let full = Domain.DLS.new_key (fun () -> ref 2) in
  let value = Domain.DLS.get full in
  let known =
    List.for_all
      (fun k -> Obj.is_block k && Obj.size k >= 1 && Obj.is_int (Obj.field k 0))
      [ Obj.repr empty; Obj.repr full ]
    && index_of full = index_of empty + 1
    && index_of full < Array.length (table ())
    && (table ()).(index_of full) == hide value
  in
  if not known then
    failwith
      "dlwt: Domain.DLS is not laid out as it was when dlwt was built; rebuild dlwt with \
       this OCaml";
  (table ()).(index_of empty)

let of_key key = { index = index_of key; key }

let make ?inherit_from_parent init =
  of_key (Domain.DLS.new_key ?split_from_parent:inherit_from_parent init)

let make_eager init =
  let key = Domain.DLS.new_key ~split_from_parent:(fun _ -> init ()) init in
  (* The domain that runs this has its value from now on, too. *)
  ignore (Domain.DLS.get key);
  index_of key

(* In a domain that is being started, the table is not there yet, or too short,
   or has the marker: see the interface. *)
let is_set_eager index =
  let table = table () in
  Obj.is_block (Obj.repr table)
  && index < Array.length table
  && Array.unsafe_get table index != none

let is_set t = is_set_eager t.index

let[@inline never] slow t =
  if Obj.is_block (Obj.repr (table ())) then Domain.DLS.get t.key
  else
    failwith
      "dlwt: a finaliser or a signal handler has used Lwt in a domain that is just being \
       started; have it send a notification instead"

let[@inline always] get t =
  let table = table () in
  if Obj.is_block (Obj.repr table) && t.index < Array.length table then
    let v = Array.unsafe_get table t.index in
    if v != none then reveal v else slow t
  else slow t

let[@inline always] get_eager index = reveal (Array.unsafe_get (table index) index)
