(* Prints one module for each type that the tests convert, with its [external]s, because OCaml cannot
   declare an [external] for several types at once. The names are those of
   [domain-tests/src/conversions.rs]. The types of [in_all_ways] have more [external]s. *)

let types =
  [
    ("int", "int");
    ("char", "char");
    ("bool", "bool");
    ("unit", "unit");
    ("float", "float");
    ("int32", "int32");
    ("int64", "int64");
    ("text", "string");
    ("bytes", "string");
    ("option", "int option option");
    ("result", "(int, string) result");
    ("list", "string list");
    ("ints", "int array");
    ("floats", "float array");
    ("array", "string array");
    ("tuple", "int * float * string");
    ("map", "(string * float) list");
    ("point", "Shapes.point");
    ("tree", "Shapes.tree");
  ]

let in_all_ways = [ "int"; "float"; "text"; "bytes"; "floats"; "tree" ]
let functions = [ ("sync", "t -> t"); ("pending", "t -> t Lwt.t") ]

let further =
  [
    ("ready", "t -> t Lwt.t");
    ("tokio", "t -> t Lwt.t");
    ("blocking", "t -> t Lwt.t");
    ("root", "t -> t Lwt.t");
    ("callback", "t -> (t -> t) -> t Lwt.t");
    ("async_callback", "t -> (t -> t Lwt.t) -> t Lwt.t");
    ("promise", "t Lwt.t -> t Lwt.t");
  ]

let signature name ~includes functions =
  Printf.printf "module type %s = sig\n  %s\n" name includes;
  List.iter (fun (f, ty) -> Printf.printf "  val %s : %s\n" f ty) functions;
  print_string "end\n"

let () =
  signature "Echo" ~includes:"type t" functions;
  signature "Further" ~includes:"include Echo" further;
  let declare (name, ty) =
    Printf.printf "module %s = struct\n  type t = %s\n" (String.capitalize_ascii name) ty;
    let external_ (f, ty) =
      Printf.printf "  external %s : %s = \"%s_%s\"\n" f ty name f
    in
    List.iter external_ functions;
    if List.mem name in_all_ways then List.iter external_ further;
    print_string "end\n"
  in
  List.iter declare types
