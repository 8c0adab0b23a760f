open Benches_harness

let baseline = Native.condvar_ping_pong

let round_trip in_flight =
  Bench.operation (Printf.sprintf "tokio_round_trip_%d" in_flight)
    ~baseline ~at_least:in_flight (fun () -> Chains.run ~in_flight Rust.tokio)

(* The loop of Domain 0 runs these calls, and is idle otherwise. *)
let call_domain_0 name call =
  Bench.operation name ~baseline (fun () n -> Lwt_main.run (call succ n))

(* As in a server on tokio whose handlers are in OCaml. *)
let remote_call tasks =
  Bench.operation (Printf.sprintf "remote_call_%d" tasks) ~baseline ~at_least:tasks
    (fun () n -> Lwt_main.run (Rust.remote Lwt.return tasks n))

let benches =
  [
    round_trip 1;
    round_trip 100;
    call_domain_0 "sync_call_from_tokio" Rust.call_domain_0_blocking;
    (* The kernel wakes tokio's worker for each call. *)
    call_domain_0 "awaited_call_from_tokio" Rust.call_domain_0;
    remote_call 1;
    remote_call 100;
  ]
