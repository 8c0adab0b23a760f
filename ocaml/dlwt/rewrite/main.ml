let usage () =
  prerr_endline
    "usage: main rules --spec DIRECTORY\n\
    \       main file --spec DIRECTORY --version LWT_VERSION FILE";
  exit 2

let rewrite ~directory ~version path =
  let file = Filename.basename path in
  let spec = Spec.load ~directory ~version ~file in
  let result =
    Source.read path |> Patch.apply ~file:path spec |> Transform.apply ~file:path spec
  in
  Spec.report_unused ~file spec;
  Problem.exit_if_any ();
  print_string result

let () =
  match Array.to_list Sys.argv with
  | [ _; "rules"; "--spec"; spec ] -> Rules.write ~spec
  | [ _; "file"; "--spec"; directory; "--version"; version; file ] ->
      rewrite ~directory ~version file
  | _ -> usage ()
