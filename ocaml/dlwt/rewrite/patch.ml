open Parsetree

(* Maps each name to the spans of the structure and signature items, at any depth, that
   bind it. *)
let spans_of_items ~file source =
  let spans = Hashtbl.create 97 in
  let add (loc : Location.t) name =
    Hashtbl.add spans name (loc.loc_start.pos_cnum, loc.loc_end.pos_cnum)
  in
  let default = Ast_iterator.default_iterator in
  let structure_item it item =
    List.iter (add item.pstr_loc) (Bindings.item_names item);
    default.structure_item it item
  in
  let signature_item it item =
    (match item.psig_desc with
    | Psig_value v -> add item.psig_loc v.pval_name.txt
    | _ -> ());
    default.signature_item it item
  in
  let it = { default with structure_item; signature_item } in
  Source.iter it ~file source;
  spans

let occurrences source text (start, stop) =
  let n = String.length text in
  let rec go i acc =
    if i + n > stop then List.rev acc
    else if String.sub source i n = text then go (i + n) (i :: acc)
    else go (i + 1) acc
  in
  go start []

let newlines s = List.length (String.split_on_char '\n' s) - 1

let apply_one ~file source rule =
  let text, other = Spec.payload rule in
  let item = Spec.name rule in
  let spans = Hashtbl.find_all (spans_of_items ~file source) item in
  match List.sort_uniq compare (List.concat_map (occurrences source text) spans) with
  | [] ->
      (* [Spec.report_unused] reports it. *)
      source
  | [ at ] ->
      Spec.use rule;
      let missing_lines = newlines text - newlines other in
      if missing_lines < 0 then
        Problem.stop (Spec.place rule)
          "the new text has more lines than the old one: put it on one line";
      let stop = at + String.length text in
      String.sub source 0 at ^ other
      ^ String.make missing_lines '\n'
      ^ String.sub source stop (String.length source - stop)
  | l ->
      Problem.stop (Spec.place rule) "`within %s': the text %S occurs %d times in %s" item
        text (List.length l) file

let apply ~file (spec : Spec.t) source =
  List.fold_left (apply_one ~file) source spec.within
