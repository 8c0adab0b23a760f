open Benches_harness
open Lwt.Syntax
open Lwt_interop

let baseline = Native.condvar_ping_pong

let rec receive f channel n =
  if n = 0 then Lwt.return_unit
  else
    let* item = Channel.recv channel in
    f item;
    receive f channel (n - 1)

let sender ~capacity =
  let pool = Pool.create ~domains:1 () and channel = Channel.create ~capacity in
  fun make take n ->
    let received = Pool.spawn_on pool 0 (fun () -> receive take channel n) in
    Lwt_main.run
      (let* () = Chains.chain (fun () -> Channel.send channel (make ())) n in
       received)

let one_way =
  Bench.operation "channel_one_way" ~baseline ~at_least:1_000 (fun () ->
      sender ~capacity:1_000 ignore ignore)

let batch = 64

(* One element of [batch] that are sent and received together. *)
let in_batches =
  Bench.operation "channel_batch_64" ~baseline ~at_least:(64 * batch) (fun () ->
      let pool = Pool.create ~domains:1 () and channel = Channel.create ~capacity:1_024 in
      let elements = Array.init batch Fun.id in
      let rec receive n =
        if n = 0 then Lwt.return_unit
        else
          let* received = Channel.recv_many ~max:batch channel in
          receive (n - Array.length received)
      in
      fun n ->
        let batches = (n + batch - 1) / batch in
        let received = Pool.spawn_on pool 0 (fun () -> receive (batches * batch)) in
        Lwt_main.run
          (let* () = Chains.chain (fun () -> Channel.send_all channel elements) batches in
           received))

let ping_pong =
  Bench.operation "channel_ping_pong" ~baseline (fun () ->
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

let benches = [ one_way; in_batches; ping_pong ]
