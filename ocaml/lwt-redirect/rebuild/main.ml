(* main.exe DIRECTORY LIBRARY...

   Writes a dune workspace with the sources of the given installed libraries and of all libraries between them and
   Lwt, as the file dune-package of each package describes them. Prints a line for each package: its name and the
   folder that it is installed in. *)

let ( / ) = Filename.concat

let fail format =
  Printf.ksprintf
    (fun text ->
      prerr_endline ("install-lwt: " ^ text);
      exit 1)
    format

let lines_of program arguments =
  let out, in_, err =
    Unix.open_process_args_full program
      (Array.of_list (program :: arguments))
      (Unix.environment ())
  in
  let lines = String.split_on_char '\n' (In_channel.input_all out) in
  ignore (In_channel.input_all err : string);
  match Unix.close_process_full (out, in_, err) with
  | WEXITED 0 -> Some (List.filter (( <> ) "") lines)
  | WEXITED _ | WSIGNALED _ | WSTOPPED _ -> None

let read file = In_channel.with_open_bin file In_channel.input_all
let write file text = Out_channel.with_open_bin file (fun out -> output_string out text)

let root library =
  match String.index_opt library '.' with
  | Some dot -> String.sub library 0 dot
  | None -> library

(* These come with dlwt. *)
let is_ours library =
  List.mem (root library) [ "lwt"; "lwt_direct"; "lwt_ppx"; "lwt_runtime_events" ]
  || library = "logs.lwt"

let closure =
  let known = Hashtbl.create 64 in
  fun library ->
    match Hashtbl.find_opt known library with
    | Some found -> found
    | None ->
        let found =
          lines_of "ocamlfind" [ "query"; "-recursive"; "-p-format"; library ]
        in
        Hashtbl.add known library found;
        found

let depends_on_lwt library =
  match closure library with
  | None -> false
  | Some libraries -> (not (is_ours library)) && List.exists is_ours libraries

(* ------------------------------------------------------------ a library *)

type library = {
  name : string;  (** its public name *)
  directory : string;  (** of its package *)
  fields : Sexp.t;
}

let field name library = List.concat (Sexp.fields name library.fields)

type source = {
  path : string;  (** the module *)
  kind : string;
  is_private : bool;
  files : string list;
}

(* dune describes modules as nested groups, whose alias modules it generates. *)
let rec sources expression =
  let open Sexp in
  match expression with
  | Atom _ -> []
  | List (Atom "alias" :: _) -> []
  | List (Atom ("module" | "singleton") :: _) ->
      let one name = atoms (List.concat (fields name expression)) in
      List.concat_map
        (fun source ->
          let source = List source in
          let file name =
            List.concat_map
              (fun f -> atoms (List.concat (fields "path" (List f))))
              (fields name source)
          in
          [
            {
              path = String.concat "." (atoms (List.concat (fields "path" source)));
              kind = String.concat "" (one "kind");
              is_private = one "visibility" = [ "private" ];
              files = file "intf" @ file "impl";
            };
          ])
        (fields "source" expression)
  | List items -> List.concat_map sources items

let modules library =
  List.concat_map sources (field "modules" library)
  |> List.filter (fun source -> source.kind <> "alias")

(* ----------------------------------------------------- what it is built with *)

let derivers =
  [
    ("sexp", "ppx_sexp_conv");
    ("sexp_of", "ppx_sexp_conv");
    ("of_sexp", "ppx_sexp_conv");
    ("json", "js_of_ocaml-ppx_deriving_json");
    ("yojson", "ppx_deriving_yojson");
    ("show", "ppx_deriving.show");
    ("eq", "ppx_deriving.eq");
    ("ord", "ppx_deriving.ord");
    ("make", "ppx_deriving.make");
    ("enum", "ppx_deriving.enum");
    ("fields", "ppx_fields_conv");
  ]

let matches regexp text =
  let rec from position =
    match Str.search_forward regexp text position with
    | exception Not_found -> []
    | _ ->
        let found = Str.matched_group 1 text in
        found :: from (Str.match_end ())
  in
  from 0

(* No installed file names the preprocessors, so they are recognised by what the sources use. The compiler reports
   an extension that nothing has expanded. *)
let preprocessors texts =
  let in_text text =
    (matches (Str.regexp "\\[@@deriving[ \n]+\\([^]]*\\)\\]") text
    |> List.concat_map (Str.split (Str.regexp "[^A-Za-z0-9_]+"))
    |> List.filter_map (fun deriver -> List.assoc_opt deriver derivers))
    @ if matches (Str.regexp "[a-z[]\\(%lwt\\)") text = [] then [] else [ "lwt_ppx" ]
  in
  List.sort_uniq compare (List.concat_map in_text texts)

(* The C libraries that the installed archive names. C stubs are not compiled again: there are no sources. *)
let c_libraries library =
  List.concat_map
    (function
      | Sexp.List (Atom "native" :: archives) ->
          List.concat_map
            (fun archive ->
              lines_of "ocamlobjinfo" [ library.directory / archive ]
              |> Option.value ~default:[]
              |> List.concat_map (fun line ->
                     match String.split_on_char ':' line with
                     | [ "Extra C object files"; objects ] ->
                         List.filter (( <> ) "") (String.split_on_char ' ' objects)
                     | _ -> []))
            (Sexp.atoms archives)
      | _ -> [])
    (field "archives" library)

let check_stubs library =
  Array.iter
    (fun file ->
      if
        Filename.check_suffix file ".a"
        && String.starts_with ~prefix:"lib" file
        && lines_of "nm" [ "-u"; library.directory / file ]
           |> Option.value ~default:[]
           |> List.exists (String.ends_with ~suffix:" lwt_unix_send_notification")
      then
        fail
          "the C code of %s (%s) sends notifications of stock Lwt, so it has to be \
           compiled again with dlwt's lwt_unix.h: build this package from its source, \
           with OCAMLPATH set to the prefix"
          library.name (library.directory / file))
    (Sys.readdir library.directory)

(* -------------------------------------------------------------------- output *)

let dune_name library =
  let archives =
    List.concat_map
      (function Sexp.List (Atom "byte" :: archives) -> Sexp.atoms archives | _ -> [])
      (field "archives" library)
  in
  match (archives, Sexp.atoms (field "main_module_name" library)) with
  | archive :: _, _ -> Filename.remove_extension (Filename.basename archive)
  | [], main :: _ -> String.uncapitalize_ascii main
  | [], [] -> ""

let stanza library modules texts =
  let out = Buffer.create 256 in
  let add name = function
    | [] -> ()
    | values -> Printf.bprintf out "\n (%s %s)" name (String.concat " " values)
  in
  let of_kind kind =
    List.filter_map (fun m -> if m.kind = kind then Some m.path else None) modules
  in
  Printf.bprintf out "(library";
  add "name" [ dune_name library ];
  add "public_name" [ library.name ];
  add "kind" (Sexp.atoms (field "kind" library));
  if Sexp.fields "main_module_name" library.fields = [] then add "wrapped" [ "false" ];
  add "libraries" (Sexp.atoms (field "requires" library));
  add "ppx_runtime_libraries" (Sexp.atoms (field "ppx_runtime_deps" library));
  add "implements" (Sexp.atoms (field "implements" library));
  add "virtual_modules" (of_kind "virtual");
  add "modules_without_implementation" (of_kind "intf_only");
  add "private_modules"
    (List.filter_map (fun m -> if m.is_private then Some m.path else None) modules);
  (match preprocessors texts with
  | [] -> ()
  | names -> add "preprocess" [ "(pps " ^ String.concat " " names ^ ")" ]);
  (match c_libraries library with
  | [] -> ()
  | names -> add "c_library_flags" (("-L" ^ library.directory) :: names));
  add "flags" [ ":standard"; "-w"; "-a" ];
  Buffer.add_string out ")\n";
  Buffer.contents out

let lay_out directory library =
  let modules = modules library in
  if modules <> [] then begin
    check_stubs library;
    let target = directory / library.name in
    Sys.mkdir target 0o755;
    let texts =
      List.concat_map
        (fun { files; path; _ } ->
          if files = [] then fail "%s has no source of %s" library.name path;
          List.map
            (fun file ->
              let source = library.directory / file in
              if not (Sys.file_exists source) then
                fail
                  "%s is installed without its sources (%s): build it from source, with \
                   OCAMLPATH set to the prefix"
                  library.name source;
              let text = read source in
              write (target / Filename.basename file) text;
              text)
            files)
        modules
    in
    write (target / "dune") (stanza library modules texts)
  end

(* ------------------------------------------------------------ which libraries *)

let libraries_of package directory =
  let file = directory / "dune-package" in
  if not (Sys.file_exists file) then
    fail
      "%s was not built by dune, so its sources are not installed (no %s): build it from \
       source, with OCAMLPATH set to the prefix"
      package file;
  match Sexp.of_string (read file) with
  | exception (Sexp.Malformed | Scanf.Scan_failure _ | End_of_file) ->
      fail "%s cannot be read" file
  | stanzas ->
      List.filter_map
        (function
          | Sexp.List (Atom "library" :: fields) ->
              let name = List.concat (Sexp.fields "name" (List fields)) in
              Some
                {
                  name = String.concat "" (Sexp.atoms name);
                  directory;
                  fields = List fields;
                }
          | _ -> None)
        stanzas

(* Packages to rebuild, each with all its libraries that depend on Lwt. *)
let rec packages found = function
  | [] -> List.rev found
  | package :: rest when List.mem_assoc package found || is_ours package ->
      packages found rest
  | package :: rest ->
      let directory =
        match lines_of "ocamlfind" [ "query"; package ] with
        | Some (directory :: _) -> directory
        | Some [] | None ->
            fail "the library %s is not installed; install it with apt or opam first"
              package
      in
      let libraries =
        List.filter (fun l -> depends_on_lwt l.name) (libraries_of package directory)
      in
      let dependencies =
        List.concat_map (fun l -> Option.value ~default:[] (closure l.name)) libraries
        |> List.filter depends_on_lwt |> List.map root
      in
      packages ((package, (directory, libraries)) :: found) (rest @ dependencies)

let () =
  match Array.to_list Sys.argv with
  | _ :: directory :: (_ :: _ as requested) ->
      let found = packages [] (List.map root requested) in
      List.iter
        (fun (package, (_, libraries)) ->
          if libraries = [] then
            fail "no library of the package %s depends on Lwt" package)
        found;
      let names = List.map (fun (package, _) -> package) found in
      let package = Printf.sprintf "(package (name %s) (allow_empty))\n" in
      write (directory / "dune-project")
        ("(lang dune 3.17)\n" ^ String.concat "" (List.map package names));
      write (directory / "dune-workspace") "(lang dune 3.17)\n(profile release)\n";
      List.iter (fun (_, (_, libraries)) -> List.iter (lay_out directory) libraries) found;
      List.iter
        (fun (package, (installed, _)) -> print_endline (package ^ " " ^ installed))
        found
  | _ -> fail "main.exe DIRECTORY LIBRARY..."
