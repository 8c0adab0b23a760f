let all (module C : Representation.S) =
  let module Single = Single_domain.Make (C) in
  let module Cross = Cross_domain.Make (C) in
  let module Batches = Batches.Make (C) in
  Single.suites @ Cross.suites @ Batches.suites

let () =
  (* Before Alcotest redirects the output. *)
  Rust.watch "" 0;
  Alcotest.run "channels"
    (List.concat_map all Representation.all
    @ Shared.suites
    @ [ ("at the end", [ Everywhere.nothing_left () ]) ])
