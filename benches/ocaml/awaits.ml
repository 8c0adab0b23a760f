open Benches_harness
open Lwt.Infix

let await_resolved =
  Bench.operation "await_resolved" ~baseline:Baselines.lwt_bind ~micro:true (fun () ->
      let p = Lwt.return 1 in
      fun n ->
        for _ = 1 to n do
          ignore (Rust.await p >>= Chains.keep : unit Lwt.t)
        done)

let await_pending =
  Bench.operation "await_pending" ~baseline:Baselines.lwt_wakeup ~micro:true (fun () ->
      let once () =
        let p, u = Lwt.wait () in
        let answer = Rust.await p in
        Lwt.wakeup u 1;
        answer >>= Chains.keep
      in
      Chains.run ~in_flight:1 once)

let benches = [ await_resolved; await_pending ]
