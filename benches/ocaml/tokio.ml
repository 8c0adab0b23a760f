open Benches_harness

let floor = Native.condvar_ping_pong

let round_trip in_flight =
  Bench.operation (Printf.sprintf "tokio_round_trip_%d" in_flight)
    ~floor ~at_least:in_flight (fun () -> Chains.run ~in_flight Rust.tokio)

(* Domain 0's loop runs meanwhile, and has nothing else to do. *)
let call_home name call =
  Bench.operation name ~floor (fun () n -> Lwt_main.run (call succ n))

(* What a server on tokio has a handler in OCaml do. *)
let remote_call tasks =
  Bench.operation (Printf.sprintf "remote_call_%d" tasks) ~floor ~at_least:tasks
    (fun () n -> Lwt_main.run (Rust.remote Lwt.return tasks n))

let benches =
  [
    round_trip 1;
    round_trip 100;
    call_home "sync_call_from_tokio" Rust.call_home_blocking;
    (* A task that awaits: the kernel wakes the worker. *)
    call_home "awaited_call_from_tokio" Rust.call_home;
    remote_call 1;
    remote_call 100;
  ]
