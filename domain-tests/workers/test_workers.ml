let () =
  (* Before Alcotest redirects the output. *)
  Rust.watch "" 0;
  Alcotest.run "workers"
    (Collected.suites @ Storms.suites @ [ ("at the end", [ Everywhere.settled () ]) ])
