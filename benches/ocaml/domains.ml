open Benches_harness
open Lwt_interop

let spawner () =
  let pool = Pool.create ~domains:1 () in
  fun () -> Pool.spawn_on pool 0 (fun () -> Lwt.return_unit)

let spawn_on in_flight =
  Bench.operation (Printf.sprintf "spawn_on_%d" in_flight)
    ~baseline:Native.condvar_ping_pong ~at_least:in_flight (fun () ->
      Minor_heaps.use_that_of_run ();
      Chains.run ~in_flight (spawner ()))

let start_stop =
  Bench.operation "domain_start_stop" ~baseline:Native.domain_spawn_join (fun () n ->
      for _ = 1 to n do
        Domain.join (Domain.spawn (fun () -> Lwt_main.run (Rust.yield ())))
      done)

let benches = [ spawn_on 1; spawn_on 1000; start_stop ]
