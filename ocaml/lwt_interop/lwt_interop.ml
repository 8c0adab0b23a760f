module Handle = Handle
module Pool = Pool
module Blocking = Blocking

type panic = Errors.panic = {
  message : string;
  location : string option;
  backtrace : string option;
}

exception Rust_panic = Errors.Rust_panic
exception Rust_error = Errors.Rust_error
exception Domain_terminated = Errors.Domain_terminated
exception Wrong_thread = Errors.Wrong_thread

let current_pool : Pool.t option Atomic.t = Atomic.make None

let default_pool () =
  match Atomic.get current_pool with
  | Some pool -> pool
  | None -> invalid_arg "Lwt_interop.default_pool: no Lwt_interop.run is under way"

let run ?domains main =
  if Option.is_some (Atomic.get current_pool) then
    invalid_arg "Lwt_interop.run: another Lwt_interop.run is under way";
  let pool = Pool.create ?domains () in
  Atomic.set current_pool (Some pool);
  let finish () =
    Atomic.set current_pool None;
    Pool.shutdown pool
  in
  Lwt_main.run (Lwt.finalize main finish)

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
