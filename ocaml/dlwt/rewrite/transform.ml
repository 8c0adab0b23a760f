open Parsetree
open Bindings
open Scope

(* ---------------------------------------------------------- module values *)

let default = Ast_iterator.default_iterator

let type_of_key ?(key = "key") t (typ : core_type) =
  around t typ.ptyp_loc "(" (Printf.sprintf ") %s.%s" runtime key)

(* let x = e  ==>  let x = Dlwt_rt.key (fun () -> e) *)
let make_key t (it : Ast_iterator.iterator) kind name b =
  let key = match (kind : Spec.kind) with Eager -> "eager_key" | _ -> "key" in
  (match b.pvb_constraint with
  | Some (Pvc_constraint { typ; _ }) -> type_of_key ~key t typ
  | _ -> ());
  (match b.pvb_pat.ppat_desc with
  | Ppat_constraint (_, typ) -> type_of_key ~key t typ
  | _ -> ());
  match meaning t b.pvb_expr with
  | Some (Key _) -> () (* another name of a key *)
  | _ ->
      let maker = match kind with Inherited -> "inherited" | _ -> key in
      let before, after =
        match Spec.find t.spec.created name with
        | None -> ("(", "))")
        | Some { text; _ } -> ("let v = (", Printf.sprintf ") in %s; v)" text)
      in
      around t b.pvb_expr.pexp_loc
        (Printf.sprintf "%s.%s (fun () -> %s" runtime maker before)
        after;
      deeper t (fun () -> it.expr it b.pvb_expr)

let is_new_key t b =
  match pattern_name b.pvb_pat with
  | None -> None
  | Some name -> (
      let is_alias () =
        match meaning t b.pvb_expr with Some (Key _) -> true | _ -> false
      in
      match keyed_kind t name with
      | Some kind when (not (Names.mem name t.defined)) || is_alias () -> Some (name, kind)
      | _ -> None)

let shared t name =
  match
    List.find_opt
      (fun r -> Spec.name r = name && Spec.payload r = Spec.Shared)
      t.spec.values
  with
  | Some r ->
      Spec.use r;
      true
  | None -> false

let audit t loc name =
  if not (shared t name) then
    problem t loc
      "the value `%s' of this module can hold state, and the specification does not \
       classify it. Add `local %s', `eager %s' or `inherited %s' if each domain needs \
       its own value, or `shared %s' if you have checked that all domains can share one"
      name name name name name

let audit_binding t b =
  if not (stateless b.pvb_expr) then
    Names.iter (audit t b.pvb_loc) (pattern_names b.pvb_pat)

(* let F = fun ... P ... -> let P = VIA P in ... *)
let rebind t name b =
  List.iter
    (fun rule ->
      let parameter, via = Spec.payload rule in
      let takes_parameter p =
        match p.pparam_desc with
        | Pparam_val (_, _, pattern) -> Names.mem parameter (pattern_names pattern)
        | Pparam_newtype _ -> false
      in
      let rec body e =
        match e.pexp_desc with
        | Pexp_function (params, _, Pfunction_body e)
          when List.exists takes_parameter params ->
            Some e
        | Pexp_constraint (e, _) | Pexp_newtype (_, e) | Pexp_poly (e, _) -> body e
        | _ -> None
      in
      match body b.pvb_expr with
      | Some e when Spec.name rule = name ->
          Spec.use rule;
          around ~rank:2 t e.pexp_loc
            (Printf.sprintf "(let %s = %s %s in " parameter via parameter)
            ")"
      | _ -> ())
    t.spec.rebind

let values t (it : Ast_iterator.iterator) rec_flag bindings =
  let keys = List.filter_map (is_new_key t) bindings in
  List.iter
    (fun (name, _) ->
      List.iter (fun r -> if Spec.name r = name then Spec.use r) t.spec.values)
    keys;
  let names = value_names bindings in
  let given = Names.filter (fun n -> Spec.find t.spec.given n <> None) names in
  let others = Names.diff (Names.diff names (Names.of_list (List.map fst keys))) given in
  let define_given () = Names.iter (define t) given in
  if rec_flag = Asttypes.Recursive then (
    hide t others;
    define_given ());
  List.iter
    (fun b ->
      match Option.bind (pattern_name b.pvb_pat) (fun n -> List.assoc_opt n keys) with
      | Some kind -> make_key t it kind (Option.get (pattern_name b.pvb_pat)) b
      | None -> (
          audit_binding t b;
          Option.iter (fun name -> rebind t name b) (pattern_name b.pvb_pat);
          match pattern_name b.pvb_pat with
          | Some name when Names.mem name given -> Expressions.given_function t it name b
          | _ -> it.expr it b.pvb_expr))
    bindings;
  hide t others;
  define_given ();
  List.iter (fun (name, _) -> define t name) keys

(* ------------------------------------------------------------------ items *)

let back_to (pos : Lexing.position) =
  Source.line_directive ~file:pos.pos_fname ~line:pos.pos_lnum

let inserted { Spec.text; source } =
  Source.line_directive ~file:source.file ~line:source.line ^ text

let primitive t v =
  List.iter
    (fun p ->
      match Spec.find t.spec.primitives p with
      | None -> ()
      | Some other ->
          let quoted = "\"" ^ p ^ "\"" in
          let start, stop = span v.pval_loc in
          let n = String.length quoted in
          let rec find i =
            if i + n > stop then
              problem t v.pval_loc "cannot find the name of the primitive %s here" p
            else if String.sub t.source i n = quoted then
              ignore (Edits.replace t.edits (i, i + n) ("\"" ^ other ^ "\""))
            else find (i + 1)
          in
          find start)
    v.pval_prim;
  hide t (Names.singleton v.pval_name.txt)

let structure_item t (it : Ast_iterator.iterator) item =
  let names = item_names item in
  let loc = item.pstr_loc in
  let start, stop = span loc in
  let all rules = List.concat_map (Spec.find_all rules) names in
  let replace_by text =
    ignore (Edits.replace t.edits (start, stop) (text ^ back_to loc.loc_end))
  in
  List.iter
    (fun code -> Edits.insert t.edits start (inserted code ^ back_to loc.loc_start))
    (all t.spec.before);
  List.iter
    (fun code -> Edits.insert t.edits stop (inserted code ^ back_to loc.loc_end))
    (all t.spec.after);
  let newly_cell n = is_cell_or_slot t n && not (Names.mem n t.defined) in
  match all t.spec.replace with
  | code :: _ ->
      replace_by (inserted code);
      List.iter (fun n -> if keyed_kind t n <> None then define t n) names
  | [] -> (
      if all t.spec.remove <> [] then replace_by ""
      else if List.exists newly_cell names then (
        List.iter (define t) names;
        replace_by "")
      else
        match item.pstr_desc with
        | Pstr_primitive v -> primitive t v
        | Pstr_value (rec_flag, bindings) -> values t it rec_flag bindings
        | Pstr_module { pmb_name = { txt = Some name; _ }; pmb_expr; _ } ->
            if not (stateless_module pmb_expr || shared t name) then audit t loc name;
            default.structure_item it item
        | _ -> default.structure_item it item)

let signature_item t (it : Ast_iterator.iterator) item =
  match item.psig_desc with
  | Psig_value v -> (
      let name = v.pval_name.txt in
      let replace text =
        ignore
          (Edits.replace t.edits (span item.psig_loc)
             (text ^ back_to item.psig_loc.loc_end))
      in
      match
        ( Spec.find t.spec.declare name,
          Spec.find t.spec.hide name,
          Spec.find t.spec.keyed name )
      with
      | Some code, _, _ -> replace (inserted code)
      | None, Some (), _ -> replace ""
      | None, None, Some () -> type_of_key t v.pval_type
      | None, None, None -> ())
  | _ -> default.signature_item it item

let module_expr t (it : Ast_iterator.iterator) m =
  match m.pmod_desc with
  | Pmod_functor _ -> deeper t (fun () -> default.module_expr it m)
  | _ -> default.module_expr it m

let iterator t =
  {
    default with
    expr = Expressions.expression t;
    case = Expressions.case t;
    structure_item = structure_item t;
    signature_item = signature_item t;
    module_expr = module_expr t;
    class_expr = (fun it c -> deeper t (fun () -> default.class_expr it c));
  }

(* Cells that are defined count as used even if no code reads them. *)
let use_defined t =
  let mark rules =
    List.iter (fun r -> if Names.mem (Spec.name r) t.defined then Spec.use r) rules
  in
  mark t.spec.cells;
  mark t.spec.slots

let export t rule =
  let name = Spec.name rule in
  if Names.mem name t.defined then Spec.use rule;
  Printf.sprintf "\nlet %s = %s %s\n" name (getter t name) name

let apply ~file spec source =
  let t = Scope.create ~file ~source spec in
  Source.iter (iterator t) ~file source;
  use_defined t;
  (* Lwt's maintainers handle the warnings about Lwt's code. *)
  let header = "[@@@ocaml.warning \"-a\"]" ^ Source.line_directive ~file ~line:1 in
  String.concat ""
    ((header :: Edits.apply ~file t.edits source :: List.map inserted spec.append)
    @ List.map (export t) spec.export)
