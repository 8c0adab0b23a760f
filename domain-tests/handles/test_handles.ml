let () =
  (* Before Alcotest redirects the output. *)
  Rust.watch "" 0;
  Alcotest.run "handles"
    (Visits.suites @ Ends.suites @ Spawning.suites @ Pools.suites @ Lanes.suites
   @ Fairness.suites @ Asleep.suites
    @ [ ("at the end", [ Everywhere.settled () ]) ])
