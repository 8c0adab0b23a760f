open Benches_harness

let spawn_local =
  Bench.operation "spawn_local" ~baseline:Baselines.local_executor ~micro:true
    (fun () n -> Lwt_main.run (Rust.spawn_local n))

let benches = [ spawn_local ]
