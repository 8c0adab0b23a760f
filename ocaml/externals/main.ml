let usage =
  "usage: lwt-interop-externals DIRECTORY-or-FILE...\n\n\
   Reads the .cmt and .cmti files below the directories and writes the externals that \
   they declare as JSON, for ocaml-lwt-bindgen --check.\n"

let representation : Primitive.native_repr -> Json.t = function
  | Same_as_ocaml_repr -> String "boxed"
  | Untagged_immediate -> String "untagged"
  | _ -> String "unboxed"

(* [arguments n ty] is the labels and types of the first [n] arguments of a function, and its
   result. *)
let rec arguments n ty =
  match Types.get_desc ty with
  | Tarrow (label, argument, result, _) when n > 0 ->
      let rest, result = arguments (n - 1) result in
      ((label, argument) :: rest, result)
  | Tpoly (ty, _) -> arguments n ty
  | _ -> ([], ty)

(* The attribute of declarations that are different from Rust on purpose. *)
let is_unchecked (v : Typedtree.value_description) =
  let is (attribute : Parsetree.attribute) =
    attribute.attr_name.txt = "ocaml_lwt.unchecked"
  in
  List.exists is v.val_attributes

(* From OCaml 5.5 on, the compiler writes [./a.ml] for [a.ml]. *)
let file (start : Lexing.position) =
  let name = start.pos_fname in
  if String.starts_with ~prefix:"./" name then String.sub name 2 (String.length name - 2)
  else name

let external_ layout ((v : Typedtree.value_description), (p : Primitive.description)) =
  let env = Artifact.environment v.val_desc.ctyp_env in
  let types, result = arguments p.prim_arity v.val_val.val_type in
  let argument i (label, ty) =
    Json.Object
      [
        ("label", String (Layout.label label));
        ("representation", representation (List.nth p.prim_native_repr_args i));
        ("type", Int (Layout.add layout env ty));
      ]
  in
  let start = v.val_loc.loc_start in
  Json.Object
    [
      ("file", String (file start));
      ("line", Int start.pos_lnum);
      ("name", String v.val_name.txt);
      ("symbol", String p.prim_name);
      ("native_symbol", String p.prim_native_name);
      ("noalloc", Bool (not p.prim_alloc));
      ("unchecked", Bool (is_unchecked v));
      ("arguments", List (List.mapi argument types));
      ( "result",
        Object
          [
            ("representation", representation p.prim_native_repr_res);
            ("type", Int (Layout.add layout env result));
          ] );
    ]

type unit_ = { artifact : Artifact.t; scan : Scan.t; layout : Layout.t }

let scan artifact =
  let unit source =
    let scan = Scan.scan ~unit_name:(Artifact.unit_name artifact) source in
    { artifact; scan; layout = Layout.create scan }
  in
  Option.map unit (Artifact.source artifact)

type file =
  | With_externals of unit_
  | Without of { file : string; unit_name : string }
      (** Only the name is kept in memory: there may be thousands. *)
  | Unreadable of Json.t

let read file =
  match Artifact.read file with
  | Error problem ->
      Unreadable (Object [ ("file", String file); ("message", String problem) ])
  | Ok artifact -> (
      match scan artifact with
      | Some ({ scan = { externals = _ :: _; _ }; _ } as unit) -> With_externals unit
      | Some _ | None -> Without { file; unit_name = Artifact.unit_name artifact })

let externals ~folders unit =
  Artifact.prepare ~folders unit.artifact;
  List.map (external_ unit.layout) unit.scan.externals

(* What a type is in its own module, if that is not abstract there. *)
let implementation layout (definition : Scan.definition) =
  let declaration = definition.declaration.typ_type in
  let is =
    match (declaration.type_manifest, declaration.type_kind) with
    | Some ty, _ ->
        let env = Artifact.environment definition.environment in
        Some ("type", Json.Int (Layout.add layout env ty))
    | None, Type_abstract _ -> None
    | None, Type_record _ -> Some ("what", String "a record")
    | None, Type_variant _ -> Some ("what", String "a variant")
    | None, _ -> Some ("what", String "an extensible or external type")
  in
  let start = definition.declaration.typ_loc.loc_start in
  let place is =
    Json.Object
      [
        ("name", String definition.full_name);
        ("file", String (file start));
        ("line", Int start.pos_lnum);
        is;
      ]
  in
  Option.map place is

let implementations ~folders ~abstract unit =
  let is_abstract (definition : Scan.definition) =
    Hashtbl.mem abstract definition.full_name
  in
  match List.filter is_abstract unit.scan.definitions with
  | [] -> []
  | definitions ->
      Artifact.prepare ~folders unit.artifact;
      List.filter_map (implementation unit.layout) definitions

let describe unit externals implementations =
  Json.Object
    [
      ("types", Layout.table unit.layout);
      ("externals", List externals);
      ("implementations", List implementations);
    ]

let units ~folders files =
  let units =
    List.filter_map
      (function With_externals u -> Some (u, externals ~folders u) | _ -> None)
      files
  in
  (* Abstract types may be defined in any file. *)
  let abstract = Hashtbl.create 16 and modules = Hashtbl.create 16 in
  let add name =
    Hashtbl.replace abstract name ();
    Hashtbl.replace modules (List.hd (String.split_on_char '.' name)) ()
  in
  List.iter (fun (unit, _) -> List.iter add (Layout.abstract unit.layout)) units;
  let of_abstract = function
    | Without { file; unit_name } when Hashtbl.mem modules unit_name -> (
        match Option.bind (Result.to_option (Artifact.read file)) scan with
        | Some unit -> Some (describe unit [] (implementations ~folders ~abstract unit))
        | None -> None)
    | Without _ | With_externals _ | Unreadable _ -> None
  in
  List.map
    (fun (u, externals) -> describe u externals (implementations ~folders ~abstract u))
    units
  @ List.filter_map of_abstract files

let () =
  match List.tl (Array.to_list Sys.argv) with
  | [] ->
      prerr_string usage;
      exit 2
  | [ ("--help" | "-help" | "-h") ] -> print_string usage
  | paths -> (
      match List.map (fun path -> (path, Walk.artifacts path)) paths with
      | exception Sys_error problem ->
          prerr_endline ("lwt-interop-externals: " ^ problem);
          exit 2
      | found ->
          let empty =
            List.filter_map (function path, [] -> Some path | _ -> None) found
          in
          let artifacts = List.concat_map snd found in
          let folders = List.sort_uniq compare (List.map Filename.dirname artifacts) in
          let files = List.map read artifacts in
          let problems =
            List.filter_map (function Unreadable p -> Some p | _ -> None) files
          in
          Json.output stdout
            (Object
               [
                 ("format", Int 1);
                 ("empty", List (List.map (fun path -> Json.String path) empty));
                 ("problems", List problems);
                 ("units", List (units ~folders files));
               ]))
