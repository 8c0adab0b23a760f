module Handle = Handle
module Pool = Pool
module Blocking = Blocking
module Channel = Channel
module Stream = Stream
module Signals = Signals

type panic = Errors.panic = {
  message : string;
  location : string option;
  backtrace : string option;
}

exception Rust_panic = Errors.Rust_panic
exception Rust_error = Errors.Rust_error
exception Domain_terminated = Errors.Domain_terminated
exception Wrong_thread = Errors.Wrong_thread

let run = Pool.run
let own_tokio = Executor.own_tokio

type totals = {
  calls_started : int;
  calls_resolved : int;
  late_completions : int;
  roots : int;
  slots : int;
  tasks : int;
  messages : int;
  tokio_tasks : int;
  domains : int;
  blocking_pool_threads : int;
  blocking_pool_queue : int;
}

let totals () =
  match Primitives.totals () with
  | [|
   calls_started;
   calls_resolved;
   late_completions;
   roots;
   slots;
   tasks;
   messages;
   tokio_tasks;
   domains;
   blocking_pool_threads;
   blocking_pool_queue;
  |] ->
      {
        calls_started;
        calls_resolved;
        late_completions;
        roots;
        slots;
        tasks;
        messages;
        tokio_tasks;
        domains;
        blocking_pool_threads;
        blocking_pool_queue;
      }
  | _ -> assert false
