(* Prints a program that runs each example, which is a block between "{[" and "]}", of the .mli files
   in its arguments. *)

let usage = "extract --public FILE... --internal FILE..."

type block = { file : string; line : int; code : string list }

let blocks file =
  let rec outside line found = function
    | [] -> List.rev found
    | text :: rest when String.trim text = "{[" ->
        inside (line + 1) [] (line + 1) found rest
    | _ :: rest -> outside (line + 1) found rest
  and inside start code line found = function
    | [] -> failwith (Printf.sprintf "%s:%d: this example has no end" file start)
    | text :: rest when String.starts_with ~prefix:"]}" (String.trim text) ->
        let block = { file; line = start; code = List.rev code } in
        outside (line + 1) (block :: found) rest
    | text :: rest -> inside start (text :: code) (line + 1) found rest
  in
  match outside 1 [] (In_channel.with_open_text file In_channel.input_lines) with
  | [] -> failwith (file ^ ": there is no example")
  | found -> found

let print ~is_internal { file; line; code } =
  Printf.printf "let () = run %S (fun () -> let module _ = struct\n"
    (Printf.sprintf "%s, line %d" file line);
  if is_internal then print_endline "open! Lwt_interop__";
  Printf.printf "# %d %S\n" line file;
  List.iter print_endline code;
  print_endline "end in ())"

let () =
  print_endline
    {|let passed = ref 0 and failed = ref 0

let run name example =
  match example () with
  | () -> incr passed
  | exception e ->
      incr failed;
      Printf.printf "%s: %s\n%!" name (Printexc.to_string e)
|};
  let is_internal = ref false in
  Arg.parse
    [
      ( "--public",
        Clear is_internal,
        " Examples that may use only what the library exports" );
      ("--internal", Set is_internal, " Examples that may use all modules of the library");
    ]
    (fun file -> List.iter (print ~is_internal:!is_internal) (blocks file))
    usage;
  print_endline
    {|let () =
  Printf.printf "interface-examples: %d passed, %d failed\n%!" !passed !failed;
  if !failed > 0 then exit 1|}
