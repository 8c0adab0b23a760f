let is_artifact file =
  Filename.check_suffix file ".cmt" || Filename.check_suffix file ".cmti"

let skipped = function ".git" | ".hg" | ".sandbox" | "_opam" -> true | _ -> false

let kind path =
  match (Unix.lstat path).st_kind with
  | S_DIR -> `Folder
  | S_LNK -> if Sys.file_exists path && not (Sys.is_directory path) then `File else `Skip
  | S_REG -> `File
  | _ -> `Skip
  (* Deleted meanwhile. *)
  | exception Unix.Unix_error _ -> `Skip

let rec below folder found =
  let names = Sys.readdir folder in
  Array.sort compare names;
  Array.fold_left
    (fun found name ->
      let path = Filename.concat folder name in
      match kind path with
      | `Folder when not (skipped name) -> below path found
      | `File when is_artifact name -> path :: found
      | `File | `Folder | `Skip -> found)
    found names

let artifacts path = if Sys.is_directory path then List.rev (below path []) else [ path ]
