open Benches_harness

let blocking_run =
  Bench.operation "blocking_run" ~baseline:Native.condvar_ping_pong (fun () ->
      Chains.run ~in_flight:1 (fun () -> Lwt_interop.Blocking.run ignore))

let benches = [ blocking_run ]
