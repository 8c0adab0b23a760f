type 'a rule = {
  name : string;
  payload : 'a;
  directive : string;
  where : Problem.place;
  mutable used : bool;
}

type kind = Local | Eager | Inherited | Shared
type code = { text : string; source : Problem.place }

type t = {
  values : kind rule list;
  created : code rule list;
  export : unit rule list;
  record : code option;
  cells : string rule list;
  slots : string rule list;
  guarded : unit rule list;
  given : unit rule list;
  replace : code rule list;
  remove : unit rule list;
  before : code rule list;
  after : code rule list;
  append : code list;
  within : (string * string) rule list;
  primitives : string rule list;
  derefs : code rule list;
  fields : string rule list;
  rebind : (string * string) rule list;
  qualified : unit rule list;
  keyed : unit rule list;
  declare : code rule list;
  hide : unit rule list;
}

let empty =
  {
    values = [];
    created = [];
    export = [];
    record = None;
    cells = [];
    slots = [];
    guarded = [];
    given = [];
    replace = [];
    remove = [];
    before = [];
    after = [];
    append = [];
    within = [];
    primitives = [];
    derefs = [];
    fields = [];
    rebind = [];
    qualified = [];
    keyed = [];
    declare = [];
    hide = [];
  }

let place rule = rule.where
let name rule = rule.name
let payload rule = rule.payload
let use rule = rule.used <- true

let find_all rules name =
  List.filter_map
    (fun r ->
      if r.name = name then (
        use r;
        Some r.payload)
      else None)
    rules

let find rules name = match find_all rules name with [] -> None | p :: _ -> Some p
let mem rules name = List.exists (fun r -> r.name = name) rules

(* ---------------------------------------------------------------- tokens *)

type token = Word of string | Text of string | End_of_line

let opening = "«"
and closing = "»"

let starts_with prefix source pos =
  let n = String.length prefix in
  pos + n <= String.length source && String.sub source pos n = prefix

(* Returns each token with its line. *)
let tokens file source =
  let length = String.length source in
  let rec go pos line acc =
    if pos >= length then List.rev ((End_of_line, line) :: acc)
    else
      match source.[pos] with
      | ' ' | '\t' -> go (pos + 1) line acc
      | '\n' -> go (pos + 1) (line + 1) ((End_of_line, line) :: acc)
      | '#' -> go (find_newline pos) line acc
      | '\\' -> go (find_newline pos + 1) (line + 1) acc
      | _ when starts_with opening source pos -> text (pos + 2) (pos + 2) line line acc
      | _ -> word pos pos line acc
  and find_newline pos =
    match String.index_from_opt source pos '\n' with Some i -> i | None -> length
  and text start pos first line acc =
    if pos >= length then
      Problem.stop { Problem.file; line = first } "this %s is never closed" opening
    else if starts_with closing source pos then
      go (pos + 2) line ((Text (String.sub source start (pos - start)), first) :: acc)
    else text start (pos + 1) first (if source.[pos] = '\n' then line + 1 else line) acc
  and word start pos line acc =
    if
      pos >= length
      || List.mem source.[pos] [ ' '; '\t'; '\n' ]
      || starts_with opening source pos
    then go pos line ((Word (String.sub source start (pos - start)), line) :: acc)
    else word start (pos + 1) line acc
  in
  go 0 1 []

(* ---------------------------------------------------------------- parser *)

let version_matches prefix version =
  prefix = version || String.starts_with ~prefix:(prefix ^ ".") version

let read_file file = In_channel.with_open_bin file In_channel.input_all

(* Folds [f acc (file, version) place directive tokens] over the directives. [f] returns
   the tokens that follow its directive. *)
let iter_directives spec_file ~init ~f =
  let rec go acc section = function
    | [] -> acc
    | (End_of_line, _) :: rest -> go acc section rest
    | (Text _, line) :: _ ->
        Problem.stop { file = spec_file; line } "this code follows no directive"
    | (Word "file", _) :: (Word f, _) :: rest -> go acc (f, "any") rest
    | (Word "version", _) :: (Word v, _) :: rest -> go acc (fst section, v) rest
    | (Word d, line) :: rest ->
        let acc, rest = f acc section { Problem.file = spec_file; line } d rest in
        go acc section rest
  in
  go init ("", "any") (tokens spec_file (read_file spec_file))

let directive spec where d tokens =
  let bad what = Problem.stop where "%s: %s expected" d what in
  let rec words acc = function
    | (Word w, _) :: rest -> words (w :: acc) rest
    | (End_of_line, _) :: rest -> (List.rev acc, rest)
    | _ -> bad "a list of names"
  in
  let rec text = function
    | (Text text, line) :: rest -> ({ text; source = { where with line } }, rest)
    | (End_of_line, _) :: rest -> text rest
    | _ -> bad "code in « »"
  in
  let word = function (Word w, _) :: rest -> (w, rest) | _ -> bad "a name" in
  let rule name payload = { name; payload; directive = d; where; used = false } in
  let named ?(payload = ()) tokens =
    let names, rest = words [] tokens in
    if names = [] then bad "a list of names";
    (List.map (fun n -> rule n payload) names, rest)
  in
  let values kind =
    let names, rest = words [] tokens in
    if names = [] then bad "a list of names";
    ({ spec with values = spec.values @ List.map (fun n -> rule n kind) names }, rest)
  in
  let with_code add =
    let name, rest = word tokens in
    let code, rest = text rest in
    (add (rule name code), rest)
  in
  let pair add =
    let a, rest = word tokens in
    let b, rest = word rest in
    (add (rule a b), rest)
  in
  let list add =
    let rules, rest = named tokens in
    (add rules, rest)
  in
  match d with
  | "local" -> values Local
  | "eager" -> values Eager
  | "inherited" -> values Inherited
  | "shared" -> values Shared
  | "created" -> with_code (fun r -> { spec with created = r :: spec.created })
  | "export" -> list (fun l -> { spec with export = spec.export @ l })
  | "record" ->
      let code, rest = text tokens in
      ({ spec with record = Some code }, rest)
  | "cell" -> pair (fun r -> { spec with cells = r :: spec.cells })
  | "slot" -> pair (fun r -> { spec with slots = r :: spec.slots })
  | "guarded" -> list (fun l -> { spec with guarded = spec.guarded @ l })
  | "given" -> list (fun l -> { spec with given = spec.given @ l })
  | "replace" -> with_code (fun r -> { spec with replace = r :: spec.replace })
  | "remove" -> list (fun l -> { spec with remove = spec.remove @ l })
  | "before" -> with_code (fun r -> { spec with before = spec.before @ [ r ] })
  | "after" -> with_code (fun r -> { spec with after = spec.after @ [ r ] })
  | "append" ->
      let code, rest = text tokens in
      ({ spec with append = spec.append @ [ code ] }, rest)
  | "within" ->
      let name, rest = word tokens in
      let a, rest = text rest in
      let b, rest = text rest in
      ({ spec with within = spec.within @ [ rule name (a.text, b.text) ] }, rest)
  | "primitive" -> pair (fun r -> { spec with primitives = r :: spec.primitives })
  | "deref" -> with_code (fun r -> { spec with derefs = r :: spec.derefs })
  | "field" -> pair (fun r -> { spec with fields = r :: spec.fields })
  | "rebind" ->
      let parameter, rest = word tokens in
      let via, rest = word rest in
      let functions, rest = words [] rest in
      ( {
          spec with
          rebind = spec.rebind @ List.map (fun f -> rule f (parameter, via)) functions;
        },
        rest )
  | "qualified" -> list (fun l -> { spec with qualified = spec.qualified @ l })
  | "keyed" -> list (fun l -> { spec with keyed = spec.keyed @ l })
  | "declare" -> with_code (fun r -> { spec with declare = r :: spec.declare })
  | "hide" -> list (fun l -> { spec with hide = spec.hide @ l })
  | _ -> Problem.stop where "unknown directive %S: spec.mli lists them" d

let spec_files directory =
  Sys.readdir directory |> Array.to_list
  |> List.filter (fun f -> Filename.check_suffix f ".spec")
  |> List.sort compare
  |> List.map (Filename.concat directory)

let load ~directory ~version ~file =
  List.fold_left
    (fun init spec_file ->
      iter_directives spec_file ~init ~f:(fun spec (f, v) where d rest ->
          if f = "" then
            Problem.stop where
              "%s: `file F' must come first, with the file of Lwt that this applies to" d
          else
            let changed, rest = directive spec where d rest in
            if f = file && (v = "any" || version_matches v version) then (changed, rest)
            else (spec, rest)))
    empty (spec_files directory)

let known_versions ~directory =
  let file = Filename.concat directory "versions" in
  ( { Problem.file; line = 1 },
    List.filter_map
      (function Word w, _ -> Some w | _ -> None)
      (tokens file (read_file file)) )

(* ---------------------------------------------------------------- unused *)

let report_unused ~file spec =
  let check rules =
    List.iter
      (fun r ->
        if not r.used then
          Problem.at r.where "`%s %s' finds nothing to apply to in %s" r.directive r.name
            file)
      rules
  in
  check spec.values;
  check spec.created;
  check spec.export;
  check spec.cells;
  check spec.slots;
  check spec.guarded;
  check spec.given;
  check spec.replace;
  check spec.remove;
  check spec.before;
  check spec.after;
  check spec.within;
  check spec.primitives;
  check spec.derefs;
  check spec.fields;
  check spec.rebind;
  check spec.qualified;
  check spec.keyed;
  check spec.declare;
  check spec.hide
