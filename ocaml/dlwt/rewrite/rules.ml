let check_version ~spec (lwt : Installed.t) =
  let place, known = Spec.known_versions ~directory:spec in
  if not (List.exists (fun v -> Spec.version_matches v lwt.version) known) then
    Problem.stop place
      "Lwt %s is installed, in %s, but dlwt has been checked with %s only. Install one \
       of those versions, or add this one here, build, and classify what the audit \
       reports"
      lwt.version
      (Filename.dirname lwt.unix_directory)
      (String.concat ", " known)

let rule ~version file =
  Printf.sprintf
    "(rule\n\
    \ (targets %s)\n\
    \ (deps\n\
    \  (:source %S)\n\
    \  (glob_files ../spec/*.spec))\n\
    \ (action\n\
    \  (with-stdout-to\n\
    \   %%{targets}\n\
    \   (run ../rewrite/main.exe file --spec ../spec --version %s %%{source}))))\n"
    (Filename.basename file) file version

(* For libraries with C stubs of their own. *)
let headers (lwt : Installed.t) =
  let source name = Printf.sprintf "%S" (Filename.concat lwt.unix_directory name) in
  let copy name = Printf.sprintf "(rule (copy %s %s))\n" (source name) name in
  copy "lwt_config.h" ^ copy "lwt_features.h"
  ^ Printf.sprintf
      "(rule\n\
      \ (with-stdout-to\n\
      \  lwt_unix.h\n\
      \  (progn\n\
      \   (cat %s)\n\
      \   (cat dlwt_unix.h))))\n"
      (source "lwt_unix.h")

(* If lwt_ppx is not installed, the rewriter is empty, and [let%lwt] an unknown extension. *)
let ppx_rules = function
  | [] -> "(rule (write-file ppx_lwt.ml \"\"))\n(rule (write-file ppx_lwt.mli \"\"))\n"
  | files ->
      List.map
        (fun file ->
          Printf.sprintf "(rule\n (copy %S %s))\n" file (Filename.basename file))
        files
      |> String.concat "\n"

let write_file name text =
  Out_channel.with_open_bin name (fun out -> output_string out text)

let write ~spec =
  let lwt = Installed.find () in
  check_version ~spec lwt;
  let rules files = String.concat "\n" (List.map (rule ~version:lwt.version) files) in
  write_file "core.inc" (rules lwt.core);
  write_file "unix.inc" (rules lwt.unix ^ headers lwt);
  write_file "ppx.inc" (ppx_rules lwt.ppx);
  write_file "cflags.sexp" (Printf.sprintf "(-O2 %S)" ("-I" ^ lwt.unix_directory));
  write_file "clibs.sexp"
    (Printf.sprintf "(%S -llwt_unix_stubs%s -lpthread)" ("-L" ^ lwt.unix_directory)
       (if lwt.libev then " -lev" else ""))
