open Benches_harness
open Lwt_interop

let spawner () =
  let pool = Pool.create ~domains:1 () in
  fun () -> Pool.spawn_on pool 0 (fun () -> Lwt.return_unit)

(* What [Lwt_interop.run] does for the calling domain. *)
let use_minor_heap_of_run () = Gc.set { (Gc.get ()) with minor_heap_size = 1 lsl 21 }

let spawn_on in_flight =
  Bench.operation (Printf.sprintf "spawn_on_%d" in_flight)
    ~baseline:Native.condvar_ping_pong ~at_least:in_flight (fun () ->
      use_minor_heap_of_run ();
      Chains.run ~in_flight (spawner ()))

let start_stop =
  Bench.operation "domain_start_stop" ~baseline:Native.domain_spawn_join (fun () n ->
      for _ = 1 to n do
        Domain.join (Domain.spawn (fun () -> Lwt_main.run (Rust.yield ())))
      done)

let benches = [ spawn_on 1; spawn_on 1000; start_stop ]
