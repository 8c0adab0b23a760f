open Benches_harness

let () =
  main
    (List.concat [ Crowds.benches; Descriptors.benches; Idlers.benches; Rates.benches ])
