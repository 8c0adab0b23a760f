module Handle = Handle
module Pool = Pool
module Blocking = Blocking
module Channel = Channel

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

type totals = {
  calls_started : int;
  calls_settled : int;
  roots : int;
  late_completions : int;
}

let totals () =
  match Raw.totals () with
  | [| calls_started; calls_settled; roots; late_completions |] ->
      { calls_started; calls_settled; roots; late_completions }
  | _ -> assert false
