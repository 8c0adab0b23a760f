(* [order] sorts the texts at one offset: closings before openings, inner closings before
   outer ones, and outer openings before inner ones. *)
type edit = { start : int; stop : int; order : int * int * int; mutable text : string }
type t = edit list ref

let create () = ref []

let add t edit =
  t := edit :: !t;
  edit

let replace t (start, stop) text = add t { start; stop; order = (2, 0, 0); text }
let set_text edit text = edit.text <- text
let span edit = (edit.start, edit.stop)
let insert t at text = ignore (add t { start = at; stop = at; order = (1, 0, 0); text })

let around ?(rank = 0) t (start, stop) before after =
  ignore (add t { start; stop = start; order = (1, -stop, -rank); text = before });
  ignore (add t { start = stop; stop; order = (0, -start, rank); text = after })

let line_of source offset =
  String.fold_left
    (fun n c -> if c = '\n' then n + 1 else n)
    1 (String.sub source 0 offset)

let apply ~file t source =
  let out = Buffer.create (2 * String.length source) in
  let sorted =
    List.stable_sort
      (fun a b -> compare (a.start, a.order) (b.start, b.order))
      (List.rev !t)
  in
  let rest =
    List.fold_left
      (fun pos edit ->
        if edit.start < pos then
          Problem.stop
            { file; line = line_of source edit.start }
            "two rules of the specification change the same text (at %S)" edit.text;
        Buffer.add_substring out source pos (edit.start - pos);
        Buffer.add_string out edit.text;
        edit.stop)
      0 sorted
  in
  Buffer.add_substring out source rest (String.length source - rest);
  Buffer.contents out
