open Benches_harness
open Lwt.Syntax
open Lwt_interop

let floor = Native.condvar_ping_pong

let rec receive channel n =
  if n = 0 then Lwt.return_unit
  else
    let* _ = Channel.recv channel in
    receive channel (n - 1)

let one_way =
  Bench.operation "channel_one_way" ~floor ~at_least:1_000 (fun () ->
      let pool = Pool.create ~domains:1 () and channel = Channel.create ~capacity:1_000 in
      fun n ->
        let received = Pool.spawn_on pool 0 (fun () -> receive channel n) in
        Lwt_main.run
          (let* () = Chains.chain (fun () -> Channel.send channel ()) n in
           received))

let ping_pong =
  Bench.operation "channel_ping_pong" ~floor (fun () ->
      let pool = Pool.create ~domains:1 () in
      let there = Channel.create ~capacity:1 and back = Channel.create ~capacity:1 in
      let answer () =
        let* _ = Channel.recv there in
        Channel.send back ()
      and ask () =
        let* () = Channel.send there () in
        Lwt.map ignore (Channel.recv back)
      in
      fun n ->
        let answered = Pool.spawn_on pool 0 (fun () -> Chains.chain answer n) in
        Lwt_main.run
          (let* () = Chains.chain ask n in
           answered))

let benches = [ one_way; ping_pong ]
