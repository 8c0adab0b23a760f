let () =
  (* Before Alcotest redirects the output. *)
  Rust.watch "" 0;
  Alcotest.run "channels"
    (Single_domain.suites @ Cross_domain.suites
    @ [ ("at the end", [ Everywhere.nothing_left () ]) ])
