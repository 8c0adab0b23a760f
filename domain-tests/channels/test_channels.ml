let () =
  (* Before Alcotest redirects the output. *)
  Rust.watch "" 0;
  Alcotest.run "channels"
    (Alone.suites @ Between.suites @ [ ("at the end", [ Everywhere.nothing_left () ]) ])
