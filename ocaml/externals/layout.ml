open Types

type t = {
  scan : Scan.t;
  mutable nodes : Json.t array;
  mutable count : int;
  known : (string, int) Hashtbl.t;  (** By content. *)
  mutable abstract : string list;
}

(* What the type variables of a declaration stand for, and which of its types are being
   described. *)
type scope = {
  environment : (Env.t, string) result;
  variables : (int * int) list;
  under_way : (int, int option ref) Hashtbl.t;
  depth : int;
}

(* A type whose parameters grow with each use of it, as in [type 'a t = Nil | Cons of 'a *
   ('a * 'a) t], has no end. *)
let max_depth = 100
let max_count = 100_000

let create scan =
  {
    scan;
    nodes = Array.make 64 (Json.Int 0);
    count = 0;
    known = Hashtbl.create 64;
    abstract = [];
  }

let abstract t = t.abstract
let table t = Json.List (Array.to_list (Array.sub t.nodes 0 t.count))

let reserve t =
  if t.count = Array.length t.nodes then
    t.nodes <- Array.append t.nodes (Array.make t.count (Json.Int 0));
  t.count <- t.count + 1;
  t.count - 1

let content_key json =
  let buffer = Buffer.create 64 in
  Json.add buffer json;
  Buffer.contents buffer

let intern t json =
  let key = content_key json in
  match Hashtbl.find_opt t.known key with
  | Some n -> n
  | None ->
      let n = reserve t in
      t.nodes.(n) <- json;
      Hashtbl.replace t.known key n;
      n

let describe kind members = Json.Object (("kind", Json.String kind) :: members)
let is_abstract = describe "abstract" []
let numbers ns = Json.List (List.map (fun n -> Json.Int n) ns)

let other ty what =
  let text =
    match Format.asprintf "%a" Printtyp.type_expr ty with
    | text -> text
    | exception _ -> "_"
  in
  describe "other" [ ("text", String text); ("what", String what) ]

let label : Asttypes.arg_label -> string = function
  | Nolabel -> ""
  | Labelled l -> l
  | Optional l -> "?" ^ l

(* ---- names *)

let rec unique : Path.t -> string = function
  | Pident id -> Ident.unique_name id
  | Pdot (path, name) -> unique path ^ "." ^ name
  | Papply (path, argument) -> Printf.sprintf "%s(%s)" (unique path) (unique argument)
  | path -> Path.name path

(* The name that is the same in all files, or [None] if the type cannot be named from another
   file. *)
let rec full_name t : Path.t -> string option = function
  | Pident id when Ident.is_predef id || Ident.global id -> Some (Ident.name id)
  | Pident id -> t.scan.name id
  | Pdot (path, name) -> Option.map (fun p -> p ^ "." ^ name) (full_name t path)
  | Papply (path, argument) -> (
      match (full_name t path, full_name t argument) with
      | Some path, Some argument -> Some (Printf.sprintf "%s(%s)" path argument)
      | _ -> None)
  | path -> Some (Path.name path)

let normalized environment path =
  match environment with
  | Error _ -> path
  | Ok env -> (
      match Env.normalize_type_path None env path with
      | path -> path
      | exception ((Out_of_memory | Stack_overflow) as e) -> raise e
      | exception _ -> path)

(* Replaces [__] within a name, as in [Stdlib__Uchar]. *)
let dotted name =
  let buffer = Buffer.create (String.length name) in
  let rec from i =
    if i < String.length name then
      if
        i > 0
        && i + 2 < String.length name
        && String.sub name i 2 = "__"
        && name.[i + 2] <> '_'
      then (
        Buffer.add_char buffer '.';
        from (i + 2))
      else (
        Buffer.add_char buffer name.[i];
        from (i + 1))
  in
  from 0;
  Buffer.contents buffer

(* [Stdlib__Uchar.t] is [Uchar.t], and [Dune__exe__Shapes.t] is [Shapes.t]. *)
let shown path =
  let drop name prefix =
    if String.starts_with ~prefix name then
      String.sub name (String.length prefix) (String.length name - String.length prefix)
    else name
  in
  List.fold_left drop (dotted (Path.name path)) [ "Dune.exe."; "Stdlib." ]

(* ---- types *)

let rec node t scope ty =
  match List.assoc_opt (get_id ty) scope.variables with
  | Some n -> n
  | None -> (
      match get_desc ty with
      | Tvar name | Tunivar name ->
          let name = match name with Some name -> "'" ^ name | None -> "_" in
          intern t (describe "variable" [ ("name", String name) ])
      | Tpoly (ty, _) -> node t scope ty
      | Tconstr (path, arguments, _) ->
          constructor t scope ty path (List.map (node t scope) arguments)
      | Tarrow (l, argument, result, _) ->
          cyclic t scope ty (fun () ->
              let argument = node t scope argument in
              describe "arrow"
                [
                  ("label", String (label l));
                  ("argument", Int argument);
                  ("result", Int (node t scope result));
                ])
      | Tvariant row -> cyclic t scope ty (fun () -> polymorphic t scope row)
      | Tobject _ -> intern t (other ty "an object type")
      | Tpackage _ -> intern t (other ty "the type of a module")
      | _ -> (
          match Tuple_items.types ty with
          | Some items ->
              cyclic t scope ty (fun () ->
                  describe "tuple" [ ("items", numbers (List.map (node t scope) items)) ])
          | None -> intern t (other ty "a type that lwt-interop-externals does not know"))
      )

(* Describes a type that may contain itself, as in [[ `A of 'a ] as 'a]. *)
and cyclic t scope ty content =
  let id = get_id ty in
  match Hashtbl.find_opt scope.under_way id with
  | Some ({ contents = None } as number) ->
      let n = reserve t in
      number := Some n;
      n
  | Some { contents = Some n } -> n
  | None -> (
      let number = ref None in
      Hashtbl.replace scope.under_way id number;
      let content = content () in
      Hashtbl.remove scope.under_way id;
      match !number with
      | None -> intern t content
      | Some n ->
          t.nodes.(n) <- content;
          n)

and polymorphic t scope row =
  let all_present = ref true in
  let tag (name, field) =
    let tag arguments =
      Some (Json.Object [ ("name", String name); ("arguments", numbers arguments) ])
    in
    match row_field_repr field with
    | Rpresent None -> tag []
    | Rpresent (Some ty) -> tag [ node t scope ty ]
    | Rabsent -> None
    | Reither (_, types, _) ->
        all_present := false;
        tag (List.map (node t scope) types)
  in
  let tags = List.filter_map tag (row_fields row) in
  let bound =
    if not (row_closed row) then "lower" else if !all_present then "exact" else "upper"
  in
  describe "polymorphic" [ ("tags", List tags); ("bound", String bound) ]

(* Describes a type with a name. [arguments] are the numbers of its parameters. *)
and constructor t scope ty path arguments =
  let key = Printf.sprintf "%s %s" (unique path) (content_key (numbers arguments)) in
  match Hashtbl.find_opt t.known key with
  | Some n -> n
  | None when scope.depth >= max_depth || t.count >= max_count ->
      intern t (other ty "a type whose parameters grow without end")
  | None ->
      let n = reserve t in
      Hashtbl.replace t.known key n;
      let name = full_name t (normalized scope.environment path) in
      let body = declaration t scope path arguments in
      (match name with
      | Some name when body = is_abstract -> t.abstract <- name :: t.abstract
      | Some _ | None -> ());
      t.nodes.(n) <-
        describe "constructor"
          [
            ("path", String (shown path));
            ("name", match name with Some name -> String name | None -> String "");
            ("arguments", numbers arguments);
            ("body", body);
          ];
      n

and declaration t scope path arguments =
  let unknown reason = describe "unknown" [ ("reason", String reason) ] in
  match (path, scope.environment) with
  | Pident id, _ when Ident.is_predef id -> describe "predefined" []
  | _, Error reason -> unknown reason
  | _, Ok env -> (
      match Env.find_type path env with
      | declaration -> body t scope declaration arguments
      | exception Not_found ->
          let unit = match Path.head path with id -> Ident.name id in
          unknown
            (Printf.sprintf
               "the interface of %s, or of a module that it refers to, is not found" unit)
      | exception ((Out_of_memory | Stack_overflow) as e) -> raise e
      | exception e -> unknown (Artifact.message e))

and body t scope declaration arguments =
  let bind variables parameter argument = (get_id parameter, argument) :: variables in
  let scope =
    {
      scope with
      variables = List.fold_left2 bind [] declaration.type_params arguments;
      under_way = Hashtbl.create 8;
      depth = scope.depth + 1;
    }
  in
  match (declaration.type_manifest, declaration.type_kind) with
  | Some ty, _ -> describe "alias" [ ("of", Int (node t scope ty)) ]
  | None, Type_abstract _ -> is_abstract
  | None, Type_record (labels, representation) ->
      let unboxed = match representation with Record_unboxed _ -> true | _ -> false in
      describe "record" [ ("unboxed", Bool unboxed); ("fields", fields t scope labels) ]
  | None, Type_variant (constructors, representation) ->
      if List.exists (fun c -> c.cd_res <> None) constructors then
        describe "special" [ ("what", String "a GADT") ]
      else
        let constructor c =
          Json.Object
            (("name", Json.String (Ident.name c.cd_id))
            ::
            (match c.cd_args with
            | Cstr_tuple types ->
                [ ("arguments", numbers (List.map (node t scope) types)) ]
            | Cstr_record labels -> [ ("fields", fields t scope labels) ]))
        in
        describe "variant"
          [
            ("unboxed", Bool (representation = Variant_unboxed));
            ("constructors", List (List.map constructor constructors));
          ]
  | None, _ -> describe "special" [ ("what", String "an extensible or external type") ]

and fields t scope labels =
  let field label =
    Json.Object
      [
        ("name", String (Ident.name label.ld_id));
        ("mutable", Bool (label.ld_mutable = Mutable));
        ("type", Int (node t scope label.ld_type));
      ]
  in
  List (List.map field labels)

let add t environment ty =
  node t { environment; variables = []; under_way = Hashtbl.create 8; depth = 0 } ty
