let bound_crate () =
  Alcotest.(check string) "name" "{{bound}}" ({{Module}}.bound_crate ())

let () =
  Alcotest.run "{{name}}"
    [ ("crate", [ Alcotest.test_case "name" `Quick bound_crate ]) ]
