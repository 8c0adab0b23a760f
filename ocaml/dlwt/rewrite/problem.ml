type place = { file : string; line : int }

let problems : (place * string) list ref = ref []
let at place = Printf.ksprintf (fun text -> problems := (place, text) :: !problems)

let of_location (loc : Location.t) =
  { file = loc.loc_start.pos_fname; line = loc.loc_start.pos_lnum }

let exit_if_any () =
  match List.sort_uniq compare !problems with
  | [] -> ()
  | l ->
      List.iter
        (fun ({ file; line }, text) ->
          Printf.eprintf "File %S, line %d:\nError: dlwt: %s\n" file line text)
        l;
      exit 1

let stop place =
  Printf.ksprintf (fun text ->
      problems := (place, text) :: !problems;
      exit_if_any ();
      assert false)
