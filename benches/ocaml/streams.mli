val benches : Benches_harness.Bench.t list
