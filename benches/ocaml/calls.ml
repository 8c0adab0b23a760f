open Benches_harness
open Lwt.Infix

let sync_call =
  Bench.operation "sync_call" ~baseline:Baselines.c_call ~micro:true (fun () n ->
      for i = 1 to n do
        ignore (Rust.sync i : int)
      done)

let sync_call_unboxed =
  Bench.operation "sync_call_unboxed" ~baseline:Baselines.c_call_noalloc ~micro:true
    (fun () n ->
      for i = 1 to n do
        ignore (Rust.plain i : int)
      done)

let ready_call =
  Bench.operation "ready_call" ~baseline:Baselines.lwt_bind ~micro:true (fun () n ->
      for i = 1 to n do
        ignore (Rust.ready i >>= Chains.keep : unit Lwt.t)
      done)

let yield_call =
  Bench.operation "yield_call" ~baseline:Baselines.lwt_wakeup ~micro:true (fun () ->
      Chains.run ~in_flight:1 Rust.yield)

let yield_call_10k_in_flight =
  Bench.operation "yield_call_10k_in_flight" ~baseline:Baselines.lwt_wakeup
    ~at_least:100_000 (fun () -> Chains.run ~in_flight:10_000 Rust.yield)

let benches =
  [ sync_call; sync_call_unboxed; ready_call; yield_call; yield_call_10k_in_flight ]
