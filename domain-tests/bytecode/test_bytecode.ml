let () =
  Alcotest.run "bytecode"
    (Everywhere.suites ~several:[ 2 ] (Calls.cases ~scale:20 @ Callbacks.cases ~scale:20)
    @ [ ("at the end", [ Everywhere.nothing_left () ]) ])
