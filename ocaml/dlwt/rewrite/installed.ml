type t = {
  version : string;
  core : string list;
  unix : string list;
  unix_directory : string;
  libev : bool;
  ppx : string list;
}

let no_place = { Problem.file = "ocamlfind"; line = 1 }
let ( / ) = Filename.concat

(* Programs that dune runs find the packages of its own workspace first, in
   [.../install/CONTEXT/lib]. Those are not installed ones, and depending on them would
   be a cycle. *)
let environment () =
  let of_workspace path =
    match List.rev (String.split_on_char '/' path) with
    | "lib" :: _context :: "install" :: _ -> true
    | _ -> false
  in
  let outside path =
    String.split_on_char ':' path
    |> List.filter (fun p -> not (of_workspace p))
    |> String.concat ":"
  in
  let prefix = "OCAMLPATH=" in
  Unix.environment ()
  |> Array.map (fun v ->
         if String.starts_with ~prefix v then
           let n = String.length prefix in
           prefix ^ outside (String.sub v n (String.length v - n))
         else v)

let ocamlfind args =
  let command = Array.of_list ("ocamlfind" :: args) in
  match Unix.open_process_args_full "ocamlfind" command (environment ()) with
  | exception Unix.Unix_error (e, _, _) ->
      Problem.stop no_place "cannot run ocamlfind (%s): install it" (Unix.error_message e)
  | (out, _, err) as process ->
      let lines = In_channel.input_all out |> String.split_on_char '\n' in
      let _ = In_channel.input_all err in
      ignore (Unix.close_process_full process);
      List.filter (( <> ) "") lines

let directory_of library ~with_file =
  List.find_opt
    (fun d -> Sys.file_exists (d / with_file))
    (ocamlfind [ "query"; library ])

let sources directory =
  Sys.readdir directory |> Array.to_list
  |> List.filter (fun f ->
         Filename.check_suffix f ".ml" || Filename.check_suffix f ".mli")
  |> List.sort compare
  |> List.map (Filename.concat directory)

let version_in_meta directory =
  let meta = directory / "META" in
  let quoted line =
    match String.split_on_char '"' line with [ _; v; _ ] -> Some v | _ -> None
  in
  match
    In_channel.with_open_text meta In_channel.input_all
    |> String.split_on_char '\n'
    |> List.find_map (fun line ->
           if String.starts_with ~prefix:"version" (String.trim line) then quoted line
           else None)
  with
  | Some version -> version
  | None | (exception Sys_error _) ->
      Problem.stop { file = meta; line = 1 }
        "this file does not state the version of Lwt: reinstall the package lwt"

let contains text file =
  match In_channel.with_open_bin file In_channel.input_all with
  | exception Sys_error _ -> false
  | source ->
      let n = String.length text in
      let rec go i =
        i + n <= String.length source && (String.sub source i n = text || go (i + 1))
      in
      go 0

let find () =
  match directory_of "lwt" ~with_file:"lwt.ml" with
  | None ->
      Problem.stop no_place
        "no Lwt with its sources (lwt.ml) was found: install the package lwt (opam) or \
         liblwt-ocaml-dev (Debian)"
  | Some directory ->
      let unix_directory = directory / "unix" in
      if not (Sys.file_exists (unix_directory / "lwt_unix.ml")) then
        Problem.stop
          { file = unix_directory / "lwt_unix.ml"; line = 1 }
          "this Lwt was installed without lwt.unix, or without its sources: install all \
           of the package lwt (opam) or liblwt-ocaml-dev (Debian)";
      let direct =
        match directory_of "lwt_direct" ~with_file:"lwt_direct.ml" with
        | Some d -> sources d
        | None -> []
      in
      {
        version = version_in_meta directory;
        core = sources directory;
        unix = sources unix_directory @ direct;
        unix_directory;
        ppx =
          (match directory_of "lwt_ppx" ~with_file:"ppx_lwt.ml" with
          | Some d -> [ d / "ppx_lwt.ml"; d / "ppx_lwt.mli" ]
          | None -> []);
        libev = contains "_HAVE_LIBEV = true" (unix_directory / "lwt_features.ml");
      }
