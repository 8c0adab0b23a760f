(* A table that all domains write, in a file of SQLite. Each domain opens the table itself, as the promises of an open
   table belong to the domain that has opened it. *)

open Lwt.Syntax

let () =
  Ocsipersist_settings.set_db_file (Domains.temporary ".sqlite");
  Ocsipersist.init ()

let use () =
  let* table = Ocsipersist.Polymorphic.open_table "numbers" in
  let key = Printf.sprintf "domain %d" (Domain.self () :> int) in
  let* () = Ocsipersist.Polymorphic.add table key 1 in
  let* value = Ocsipersist.Polymorphic.find table key in
  assert (value = 1);
  Lwt.return_unit

let () = Domains.run ~rounds:10 use
