type use = { edit : Edits.edit; text : string -> string }

type t = {
  edits : Edits.t;
  record : string;
  mutable uses : use list;
  mutable expressions : (int * int) list;
  mutable given : bool;
}

(* The record's name in the generated code. *)
let name = "dlwt_state"

let create edits ~record =
  {
    edits;
    record = Option.value record ~default:"";
    uses = [];
    expressions = [];
    given = false;
  }

let use t span text = t.uses <- { edit = Edits.replace t.edits span ""; text } :: t.uses
let expression t span = t.expressions <- span :: t.expressions

let smallest_around ~first ~last ~default spans =
  List.fold_left
    (fun (start, stop) (start', stop') ->
      if start' <= first && stop' >= last && stop' - start' < stop - start then
        (start', stop')
      else (start, stop))
    default spans

let read t body =
  match t.uses with
  | [] -> ()
  | uses when t.given ->
      List.iter (fun { edit; text } -> Edits.set_text edit (text name)) uses
  | [ { edit; text } ] -> Edits.set_text edit (text ("(" ^ t.record ^ ")"))
  | uses ->
      List.iter (fun { edit; text } -> Edits.set_text edit (text name)) uses;
      let spans = List.map (fun u -> Edits.span u.edit) uses in
      let first = List.fold_left (fun m (start, _) -> min m start) max_int spans
      and last = List.fold_left (fun m (_, stop) -> max m stop) 0 spans in
      Edits.around ~rank:1 t.edits
        (smallest_around ~first ~last ~default:body t.expressions)
        (Printf.sprintf "(let %s = %s in " name t.record)
        ")"

let branch t span visit =
  let uses = t.uses and expressions = t.expressions in
  t.uses <- [];
  t.expressions <- [ span ];
  visit ();
  read t span;
  t.uses <- uses;
  t.expressions <- expressions

let body t ~given span visit =
  let outside = t.given in
  t.given <- given;
  branch t span visit;
  t.given <- outside
