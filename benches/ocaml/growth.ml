(* The benchmarks of [make bench-growth]: each is a point of a curve. *)

open Benches_harness

let () =
  main
    (List.concat
       [
         Pending.benches;
         Descriptors.benches;
         Other_domains.benches;
         Rates.benches;
         Steps.benches;
       ])
