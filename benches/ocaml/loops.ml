open Benches_harness

let watch_idle count =
  let reader, _ = Unix.pipe ~cloexec:true () in
  for _ = 1 to count do
    let reader = Unix.dup ~cloexec:true reader in
    ignore (Lwt_engine.on_readable reader ignore : Lwt_engine.event)
  done

let iteration name ~idle =
  Bench.operation name ~baseline:Baselines.lwt_pause ~micro:true (fun () ->
      watch_idle idle;
      Chains.run ~in_flight:1 Lwt.pause)

let benches =
  [ iteration "loop_iteration" ~idle:0; iteration "loop_iteration_1000_fds" ~idle:1000 ]
