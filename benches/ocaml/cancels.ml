open Benches_harness

(* The loop has to run from time to time: it removes the cancelled calls. *)
let turn_every = 100

let cancel =
  Bench.operation "cancel" ~baseline:Baselines.lwt_cancel ~micro:true (fun () n ->
      for i = 1 to n do
        Lwt.cancel (Rust.never ());
        if i mod turn_every = 0 then Lwt_main.run (Lwt.pause ())
      done)

let benches = [ cancel ]
