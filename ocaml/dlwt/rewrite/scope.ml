open Parsetree
open Bindings

let runtime = "Dlwt_rt"

type t = {
  file : string;
  source : string;
  spec : Spec.t;
  edits : Edits.t;
  frame : Frame.t;
  mutable keys : Names.t;
      (** the names that denote a key, a cell, a slot or a given function here *)
  mutable defined : Names.t;  (** the names whose definition has been visited *)
  mutable depth : int;  (** 0 in code that runs when the module is initialised *)
}

let span (loc : Location.t) = (loc.loc_start.pos_cnum, loc.loc_end.pos_cnum)

(* Counts lines in the file, because the source may have line directives of its own. *)
let problem t (loc : Location.t) =
  let line = ref 1 in
  String.iteri
    (fun i c -> if i < loc.loc_start.pos_cnum && c = '\n' then incr line)
    t.source;
  Problem.at { file = t.file; line = !line }

let around ?rank t loc before after = Edits.around ?rank t.edits (span loc) before after

let deeper t visit =
  t.depth <- t.depth + 1;
  visit ();
  t.depth <- t.depth - 1

let hiding t names visit =
  let keys = t.keys in
  t.keys <- Names.diff keys names;
  visit ();
  t.keys <- keys

let hide t names = t.keys <- Names.diff t.keys names

let define t name =
  t.keys <- Names.add name t.keys;
  t.defined <- Names.add name t.defined

let is_cell_or_slot t name = Spec.mem t.spec.cells name || Spec.mem t.spec.slots name

let keyed_kind t name =
  List.find_map
    (fun r ->
      match Spec.payload r with
      | (Spec.Local | Eager | Inherited) as kind when Spec.name r = name -> Some kind
      | _ -> None)
    t.spec.values

type meaning =
  | Cell of string
  | Slot of string
  | Given of string
  | Key of string
  | Qualified of string

let meaning t e =
  match e.pexp_desc with
  | Pexp_ident { txt = Lident x; _ } when Names.mem x t.keys -> (
      match (Spec.find t.spec.cells x, Spec.find t.spec.slots x) with
      | Some field, _ -> Some (Cell field)
      | None, Some field -> Some (Slot field)
      | None, None when Spec.mem t.spec.given x -> Some (Given x)
      | None, None -> Some (Key x))
  | Pexp_ident { txt = Ldot _ as l; _ }
    when Spec.find t.spec.qualified (longident l) <> None ->
      Some (Qualified (longident l))
  | _ -> None

let check_not_initialising t loc name =
  if t.depth = 0 then
    problem t loc
      "%s is read while the module is being initialised: every domain would get the \
       initial domain's value"
      name

let getter t name =
  runtime ^ if keyed_kind t name = Some Spec.Eager then ".get_eager" else ".get"

let read_key t loc name getter =
  check_not_initialising t loc name;
  around t loc ("(" ^ getter ^ " ") ")"

let use_record t loc field text =
  check_not_initialising t loc field;
  Frame.use t.frame (span loc) text

let create ~file ~source spec =
  let edits = Edits.create () in
  {
    file;
    source;
    spec;
    edits;
    frame =
      Frame.create edits ~record:(Option.map (fun c -> c.Spec.text) spec.Spec.record);
    keys = Names.empty;
    defined = Names.empty;
    depth = 0;
  }
