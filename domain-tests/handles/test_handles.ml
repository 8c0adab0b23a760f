let () =
  (* Before Alcotest redirects the output. *)
  Rust.watch "" 0;
  Alcotest.run "handles"
    (List.concat
       [
         Cross_domain.suites;
         Termination.suites;
         Spawning.suites;
         Keys.suites;
         Pools.suites;
         Pool_replace.suites;
         Pool_shutdown.suites;
         Blocking.suites;
         Fairness.suites;
         Idle.suites;
         [ ("at the end", [ Everywhere.nothing_left () ]) ];
       ])
