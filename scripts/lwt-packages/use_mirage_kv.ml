(* A store for each domain. *)

open Lwt.Syntax

let use () =
  let* store = Mirage_kv_mem.connect () in
  let key = Mirage_kv.Key.v "/a/b" in
  let* set = Mirage_kv_mem.set store key "value" in
  assert (Result.is_ok set);
  let* value = Mirage_kv_mem.get store key in
  assert (value = Ok "value");
  Lwt.return_unit

let () = Domains.run use
