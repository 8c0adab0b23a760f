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
      ("file", String start.pos_fname);
      ("line", Int start.pos_lnum);
      ("name", String v.val_name.txt);
      ("symbol", String p.prim_name);
      ("native_symbol", String p.prim_native_name);
      ("noalloc", Bool (not p.prim_alloc));
      ("arguments", List (List.mapi argument types));
      ( "result",
        Object
          [
            ("representation", representation p.prim_native_repr_res);
            ("type", Int (Layout.add layout env result));
          ] );
    ]

let unit artifact source =
  let scan = Scan.scan ~unit_name:(Artifact.unit_name artifact) source in
  if scan.externals = [] then None
  else (
    Artifact.prepare artifact;
    let layout = Layout.create scan in
    let externals = List.map (external_ layout) scan.externals in
    Some (Json.Object [ ("types", Layout.table layout); ("externals", List externals) ]))

let read file (units, problems) =
  match Artifact.read file with
  | Ok artifact -> (
      match Option.bind (Artifact.source artifact) (unit artifact) with
      | Some unit -> (unit :: units, problems)
      | None -> (units, problems))
  | Error problem ->
      let problem = Json.Object [ ("file", String file); ("message", String problem) ] in
      (units, problem :: problems)

let () =
  match List.tl (Array.to_list Sys.argv) with
  | [] ->
      prerr_string usage;
      exit 2
  | [ ("--help" | "-help" | "-h") ] -> print_string usage
  | paths -> (
      match List.concat_map Walk.artifacts paths with
      | exception Sys_error problem ->
          prerr_endline ("lwt-interop-externals: " ^ problem);
          exit 2
      | files ->
          let units, problems = List.fold_right read files ([], []) in
          Json.output stdout
            (Object
               [
                 ("format", Int 1);
                 ("files", Int (List.length files));
                 ("problems", List problems);
                 ("units", List units);
               ]))
