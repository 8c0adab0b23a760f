let () =
  (* Before Alcotest redirects the output. *)
  Rust.watch "" 0;
  let cases = Receiving.cases @ Consuming.cases @ Sources.cases @ Collected.cases in
  Alcotest.run "streams"
    (Everywhere.suites cases @ Cross_domain.suites
    @ [ ("at the end", [ Everywhere.nothing_left () ]) ])
