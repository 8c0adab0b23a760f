(* A [Domain.DLS.key] is a block whose first field is an index into the table that
   [%dls_get] returns, and a cell without a value holds a fixed marker. [probe.ml] tests
   exactly this when the library is built, and [unset] again when the program starts. *)

type 'a t = { index : int; key : 'a Domain.DLS.key }

(* The index alone saves a load. *)
type 'a eager = int

(* A type whose values are pointers, so that reading an array needs no test for floats. *)
type cell = Cell of int ref [@@boxed]

(* The argument is ignored. Its type is free so that callers can pass what is in a
   register already. *)
external table : 'a -> cell array = "%dls_get"
external of_value : 'a -> cell = "%identity"
external to_value : cell -> 'a = "%identity"

let direct = true
let index_of (key : 'a Domain.DLS.key) : int = Obj.obj (Obj.field (Obj.repr key) 0)

(* The marker of a cell without a value. *)
let unset =
  let empty = Domain.DLS.new_key (fun () -> ref 1) in
  let full = Domain.DLS.new_key (fun () -> ref 2) in
  let value = Domain.DLS.get full in
  let known =
    List.for_all
      (fun k -> Obj.is_block k && Obj.size k >= 1 && Obj.is_int (Obj.field k 0))
      [ Obj.repr empty; Obj.repr full ]
    && index_of full = index_of empty + 1
    && index_of full < Array.length (table ())
    && (table ()).(index_of full) == of_value value
  in
  if not known then
    failwith
      "dlwt: Domain.DLS has another layout than when dlwt was built: rebuild dlwt with \
       this OCaml";
  (table ()).(index_of empty)

let of_key key = { index = index_of key; key }

let make ?inherit_from_parent init =
  of_key (Domain.DLS.new_key ?split_from_parent:inherit_from_parent init)

let make_eager init =
  let key = Domain.DLS.new_key ~split_from_parent:(fun _ -> init ()) init in
  (* Sets the value of the calling domain, which is running already. *)
  ignore (Domain.DLS.get key);
  index_of key

(* In a domain that is just being started, the table does not exist yet, is too short or
   holds the marker: see the interface. *)
let is_set_eager index =
  let table = table () in
  Obj.is_block (Obj.repr table)
  && index < Array.length table
  && Array.unsafe_get table index != unset

let is_set t = is_set_eager t.index

let[@inline never] get_slow t =
  if Obj.is_block (Obj.repr (table ())) then Domain.DLS.get t.key
  else
    failwith
      "dlwt: a finaliser or a signal handler has used Lwt in a domain that is just being \
       started: it may only send a notification (Lwt_unix.send_notification)"

let[@inline always] get t =
  let table = table () in
  if Obj.is_block (Obj.repr table) && t.index < Array.length table then
    let v = Array.unsafe_get table t.index in
    if v != unset then to_value v else get_slow t
  else get_slow t

let[@inline always] get_eager index = to_value (Array.unsafe_get (table index) index)
