let () = Benches_harness.main []
