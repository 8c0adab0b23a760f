open Parsetree
module Names = Set.Make (String)

let rec pattern_name p =
  match p.ppat_desc with
  | Ppat_var { txt; _ } -> Some txt
  | Ppat_constraint (p, _) -> pattern_name p
  | _ -> None

let pattern_names p =
  let names = ref Names.empty in
  let pat (it : Ast_iterator.iterator) p =
    (match p.ppat_desc with
    | Ppat_var { txt; _ } | Ppat_alias (_, { txt; _ }) -> names := Names.add txt !names
    | _ -> ());
    Ast_iterator.default_iterator.pat it p
  in
  let it = { Ast_iterator.default_iterator with pat } in
  it.pat it p;
  !names

let value_names bindings =
  List.fold_left
    (fun names b -> Names.union names (pattern_names b.pvb_pat))
    Names.empty bindings

let item_names item =
  match item.pstr_desc with
  | Pstr_value (_, bindings) -> (
      match Names.elements (value_names bindings) with [] -> [ "()" ] | names -> names)
  | Pstr_primitive v -> [ v.pval_name.txt ]
  | Pstr_exception { ptyexn_constructor = c; _ } -> [ c.pext_name.txt ]
  | Pstr_type (_, types) -> List.map (fun t -> "type:" ^ t.ptype_name.txt) types
  | Pstr_class classes -> List.map (fun c -> "class:" ^ c.pci_name.txt) classes
  | Pstr_module { pmb_name = { txt = Some name; _ }; _ } -> [ "module:" ^ name ]
  | _ -> []

let longident l =
  match Longident.flatten l with
  | parts -> String.concat "." parts
  | exception Misc.Fatal_error -> ""

let rec stateless e =
  match e.pexp_desc with
  | Pexp_function _ | Pexp_constant _ | Pexp_ident _ -> true
  | Pexp_construct (_, None) | Pexp_variant (_, None) -> true
  | Pexp_construct (_, Some e)
  | Pexp_variant (_, Some e)
  | Pexp_constraint (e, _)
  | Pexp_newtype (_, e)
  | Pexp_poly (e, _) ->
      stateless e
  | Pexp_ifthenelse (_, a, Some b) -> stateless a && stateless b
  | _ -> ( match Local_open.body e with Some e -> stateless e | None -> false)

let rec stateless_module m =
  match m.pmod_desc with
  | Pmod_ident _ | Pmod_structure _ | Pmod_functor _ -> true
  | Pmod_constraint (m, _) -> stateless_module m
  | _ -> false
