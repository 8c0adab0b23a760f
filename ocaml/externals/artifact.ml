type t = { file : string; infos : Cmt_format.cmt_infos }
type source = Structure of Typedtree.structure | Signature of Typedtree.signature

let one_line text =
  String.split_on_char '\n' text
  |> List.map String.trim
  |> List.filter (( <> ) "")
  |> String.concat " "

let message e =
  match Format.asprintf "%a" Location.report_exception e with
  | text -> one_line text
  | exception _ -> Printexc.to_string e

let read file =
  match Cmt_format.read_cmt file with
  | infos -> Ok { file; infos }
  | exception Sys_error problem -> Error problem
  | exception (Out_of_memory as e) -> raise e
  | exception _ ->
      Error
        ("not written by OCaml " ^ Sys.ocaml_version
       ^ ", the version that lwt-interop-externals belongs to: build it again, or \
          install lwt_interop for the other version")

let unit_name t = t.infos.cmt_modname

let source t =
  match t.infos.cmt_annots with
  | Implementation structure -> Some (Structure structure)
  | Interface signature -> Some (Signature signature)
  | _ -> None

let absolute path =
  if Filename.is_relative path then Filename.concat (Sys.getcwd ()) path else path

let rec ancestors folder =
  let parent = Filename.dirname folder in
  folder :: (if parent = folder then [] else ancestors parent)

let ( / ) = Filename.concat

(* The folder in which the compiler ran. The recorded one may be an alias, as dune makes
   [/workspace_root], or be on another machine. Then it is the folder above the file in which
   most of the recorded relative folders exist. *)
let root t paths =
  let relative = List.filter Filename.is_relative paths in
  let score folder =
    List.length (List.filter (fun path -> Sys.file_exists (folder / path)) relative)
  in
  let better (best, most) folder =
    let n = score folder in
    if n > most then (folder, n) else (best, most)
  in
  let recorded = t.infos.cmt_builddir in
  let candidates = ancestors (Filename.dirname (absolute t.file)) in
  fst (List.fold_left better (recorded, score recorded) candidates)

let without_prefix ~prefix path =
  let n = String.length prefix in
  if String.starts_with ~prefix:(prefix ^ "/") path then
    Some (String.sub path (n + 1) (String.length path - n - 1))
  else None

let prepare ~folders t =
  let { Load_path.visible; hidden } = t.infos.cmt_loadpath in
  let root = root t (visible @ hidden) in
  let resolve path =
    if Filename.is_relative path then root / path
    else
      match without_prefix ~prefix:t.infos.cmt_builddir path with
      | Some rest when not (Sys.file_exists path) -> root / rest
      | Some _ | None -> path
  in
  let beside = Filename.dirname (absolute t.file) in
  let visible =
    List.map resolve visible @ (beside :: folders) @ [ Config.standard_library ]
  in
  (* Modules of both kinds can be read. *)
  Clflags.recursive_types := true;
  Load_path.init ~auto_include:Load_path.no_auto_include ~visible
    ~hidden:(List.map resolve hidden);
  Envaux.reset_cache ();
  Env.reset_cache ()

let environment env =
  match Envaux.env_of_only_summary env with
  | env -> Ok env
  | exception Envaux.Error (Module_not_found path) ->
      Error (Printf.sprintf "the interface of %s is not found" (Path.name path))
  | exception ((Out_of_memory | Stack_overflow) as e) -> raise e
  | exception e -> Error (message e)
