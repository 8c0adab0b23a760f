let () =
  Alcotest.run "functions"
    (Everywhere.suites (Cases.all ~scale:1)
    @ [ ("at the end", [ Everywhere.nothing_left () ]) ])
