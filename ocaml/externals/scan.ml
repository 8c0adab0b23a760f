open Typedtree

type definition = {
  full_name : string;
  environment : Env.t;
  declaration : type_declaration;
}

type t = {
  externals : (value_description * Primitive.description) list;
  definitions : definition list;
  name : Ident.t -> string option;
}

(* What the items that are being visited belong to. *)
type place =
  | Within of string  (** The path of a module. *)
  | Expression  (** Each of its structures has a path of its own. *)

let scan ~unit_name source =
  let names = Hashtbl.create 64 in
  let externals = ref [] and definitions = ref [] in
  let place = ref (Within unit_name) in
  let local = ref 0 in
  let path () =
    match !place with
    | Within path -> path
    | Expression ->
        incr local;
        Printf.sprintf "%s.(%d)" unit_name !local
  in
  let at new_place visit =
    let before = !place in
    place := new_place;
    Fun.protect ~finally:(fun () -> place := before) visit
  in
  let define id =
    match !place with
    | Within path ->
        Hashtbl.replace names (Ident.unique_name id) (path ^ "." ^ Ident.name id)
    | Expression -> ()
  in
  let define_all signature =
    List.iter
      (fun (item : Types.signature_item) ->
        match item with
        | Sig_type (id, _, _, _) | Sig_module (id, _, _, _, _) -> define id
        | _ -> ())
      signature
  in
  let inside id visit =
    Option.iter define id;
    let name = match id with Some id -> Ident.name id | None -> "_" in
    at (Within (path () ^ "." ^ name)) visit
  in
  let default = Tast_iterator.default_iterator in
  let structure (it : Tast_iterator.iterator) s =
    at (Within (path ())) (fun () -> default.structure it s)
  in
  let signature (it : Tast_iterator.iterator) s =
    at (Within (path ())) (fun () -> default.signature it s)
  in
  let structure_item (it : Tast_iterator.iterator) item =
    (match item.str_desc with
    | Tstr_type (_, types) ->
        List.iter
          (fun declaration ->
            define declaration.typ_id;
            match Hashtbl.find_opt names (Ident.unique_name declaration.typ_id) with
            | Some full_name ->
                let definition = { full_name; environment = item.str_env; declaration } in
                definitions := definition :: !definitions
            | None -> ())
          types
    | Tstr_include { incl_type; _ } -> define_all incl_type
    | _ -> ());
    default.structure_item it item
  in
  let signature_item (it : Tast_iterator.iterator) item =
    (match item.sig_desc with
    | Tsig_type (_, types) -> List.iter (fun t -> define t.typ_id) types
    | Tsig_include { incl_type; _ } -> define_all incl_type
    | _ -> ());
    default.signature_item it item
  in
  let module_binding (it : Tast_iterator.iterator) binding =
    inside binding.mb_id (fun () -> default.module_binding it binding)
  in
  let module_declaration (it : Tast_iterator.iterator) declaration =
    inside declaration.md_id (fun () -> default.module_declaration it declaration)
  in
  let module_type_declaration (it : Tast_iterator.iterator) declaration =
    at
      (Within (path () ^ "." ^ Ident.name declaration.mtd_id))
      (fun () -> default.module_type_declaration it declaration)
  in
  let expr (it : Tast_iterator.iterator) e =
    at Expression (fun () -> default.expr it e)
  in
  let value_description (it : Tast_iterator.iterator) v =
    (match v.val_val.val_kind with
    | Val_prim primitive when not (String.starts_with ~prefix:"%" primitive.prim_name) ->
        externals := (v, primitive) :: !externals
    | _ -> ());
    default.value_description it v
  in
  let it =
    {
      default with
      structure;
      signature;
      structure_item;
      signature_item;
      module_binding;
      module_declaration;
      module_type_declaration;
      expr;
      value_description;
    }
  in
  (match source with
  | Artifact.Structure s -> it.structure it s
  | Artifact.Signature s -> it.signature it s);
  {
    externals = List.rev !externals;
    definitions = List.rev !definitions;
    name = (fun id -> Hashtbl.find_opt names (Ident.unique_name id));
  }
