open Benches_harness

(* The loop has a turn now and then, to put away what is cancelled. *)
let turn_every = 100

let cancel =
  Bench.operation "cancel" ~floor:Floors.lwt_cancel ~micro:true (fun () n ->
      for i = 1 to n do
        Lwt.cancel (Rust.never ());
        if i mod turn_every = 0 then Lwt_main.run (Lwt.pause ())
      done)

let benches = [ cancel ]
