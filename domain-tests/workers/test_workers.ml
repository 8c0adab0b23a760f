(* Opaque values and calls of [Workers], while domains start, sleep and terminate. *)

let () =
  (* Before Alcotest redirects the output. *)
  Rust.watch "" 0;
  Alcotest.run "workers"
    (Collected.suites @ Workers_stress.suites
    @ [ ("at the end", [ Everywhere.nothing_left () ]) ])
