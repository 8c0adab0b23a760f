type 'a testable = 'a -> string

let int = string_of_int
let bool = string_of_bool
let string = Printf.sprintf "%S"
let list show items = "[" ^ String.concat "; " (List.map show items) ^ "]"
let fail text = failwith text
let failf format = Printf.ksprintf failwith format

let check show what expected found =
  if found <> expected then failf "%s: %s instead of %s" what (show found) (show expected)

let check_raises what expected f =
  match f () with
  | () -> failf "%s: nothing was raised" what
  | exception e when e = expected -> ()
  | exception e -> failf "%s: %s was raised" what (Printexc.to_string e)

type speed_level = [ `Quick | `Slow ]
type 'a test_case = string * speed_level * ('a -> unit)

let test_case name speed body = (name, speed, body)

let is_part text ~part =
  let n = String.length part in
  let rec go i =
    i + n <= String.length text && (String.sub text i n = part || go (i + 1))
  in
  go 0

let run ?(argv = Sys.argv) ?(and_exit = true) name suites =
  let wanted = if Array.length argv > 1 then argv.(1) else "" in
  let passed = ref 0 and failed = ref 0 in
  let one suite (name, _, body) =
    let name = suite ^ ", " ^ name in
    if is_part name ~part:wanted then begin
      Printf.printf "%s ...\n%!" name;
      match body () with
      | () -> incr passed
      | exception e ->
          incr failed;
          Printf.printf "FAILED %s: %s\n%s%!" name (Printexc.to_string e)
            (Printexc.get_backtrace ())
    end
  in
  List.iter (fun (suite, cases) -> List.iter (one suite) cases) suites;
  let name = String.map (function ' ' -> '-' | c -> c) name in
  Printf.printf "%s: %d passed, %d failed\n%!" name !passed !failed;
  if !failed > 0 then exit 1;
  if and_exit then exit 0
