(* Prints the name of the implementation of Dlwt_slot that this OCaml allows. *)

type cell = Cell of int ref [@@boxed]

external table : unit -> cell array = "%dls_get"
external of_value : 'a -> cell = "%identity"

let index (key : 'a Domain.DLS.key) =
  let k = Obj.repr key in
  if Obj.is_block k && Obj.size k >= 1 && Obj.is_int (Obj.field k 0) then
    Some (Obj.obj (Obj.field k 0) : int)
  else None

(* Each domain has its own table, in which a key keeps its index, and a child has its
   inherited values before it first reads them. *)
let layout_is_known () =
  let eager =
    Domain.DLS.new_key ~split_from_parent:(fun r -> ref (!r + 1)) (fun () -> ref 7)
  in
  let lazy_ = Domain.DLS.new_key (fun () -> ref 8) in
  ignore (Domain.DLS.get eager);
  let before = Array.to_list (table ()) in
  match (index eager, index lazy_) with
  | Some e, Some l
    when l = e + 1 && Array.length (table ()) > l && List.nth_opt before l <> None ->
      let unset = List.nth before l in
      let here key i = (table ()).(i) == of_value (Domain.DLS.get key) in
      let parent = (table ()).(e) in
      unset != of_value (Domain.DLS.get lazy_)
      && here eager e && here lazy_ l
      && Domain.join
           (Domain.spawn (fun () ->
                let t = table () in
                Array.length t > e
                && t.(e) != parent
                && t.(e) != unset
                && t.(e) == of_value (Domain.DLS.get eager)
                && !(Domain.DLS.get eager) = 8))
  | _ -> false

let () =
  print_string
    (match layout_is_known () with
    | true -> "direct"
    | false | (exception _) -> "portable")
