(* A history that is saved and loaded: there is no terminal. *)

open Lwt.Syntax

let use () =
  let path = Domains.temporary ".history" in
  let history = LTerm_history.create [] in
  LTerm_history.add history (Zed_string.of_utf8 "a line");
  let* () = LTerm_history.save history path in
  let loaded = LTerm_history.create [] in
  let* () = LTerm_history.load loaded path in
  assert (List.map Zed_string.to_utf8 (LTerm_history.contents loaded) = [ "a line" ]);
  Lwt.return_unit

let () = Domains.run use
