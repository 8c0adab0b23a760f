let read file = In_channel.with_open_bin file In_channel.input_all
let is_interface file = Filename.check_suffix file ".mli"

let iter (it : Ast_iterator.iterator) ~file source =
  let lexbuf = Lexing.from_string source in
  Location.init lexbuf file;
  match
    if is_interface file then it.signature it (Parse.interface lexbuf)
    else it.structure it (Parse.implementation lexbuf)
  with
  | () -> ()
  | exception (Syntaxerr.Error _ | Lexer.Error _) ->
      Problem.stop
        { file; line = lexbuf.lex_curr_p.pos_lnum }
        "this compiler cannot parse the source"

let line_directive ~file ~line = Printf.sprintf "\n# %d %S\n" line file
