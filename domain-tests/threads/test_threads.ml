(* Locks that threads hold, signal masks that their children inherit, tokio's state in tasks, names. *)

open Lwt.Syntax
open Everywhere
module Blocking = Lwt_interop.Blocking

(* The closure waits for this domain, which would not run if the closure held the lock, nor collect if it held
   that of another domain. *)
let no_lock () =
  let waiting = Rust.threads_wait_at_gate () in
  let* () = Lwt_unix.sleep 0.01 in
  Gc.full_major ();
  Rust.threads_open_gate ();
  waiting

let allocate () = ignore (Sys.opaque_identity (List.init 100_000 Fun.id))

let wait_within how () =
  let called = ref 0 in
  let f () =
    (* A collection takes part of every domain that has its lock taken. *)
    allocate ();
    Gc.full_major ();
    incr called
  in
  let me = Lwt_interop.Handle.current () in
  let* id = Rust.threads_call_from_pool me f how in
  Expect.int "the domain" (Lwt_interop.Handle.id me) id;
  Expect.int "calls" 1 !called;
  Lwt.return_unit

let command = "grep Sig /proc/self/status"

let by_sys_command () =
  let file = Filename.temp_file "mask" ".txt" in
  let (_ : int) = Sys.command (command ^ " > " ^ Filename.quote file) in
  let text = In_channel.with_open_text file In_channel.input_all in
  Sys.remove file;
  text

let by_create_process () =
  let reading, writing = Unix.pipe ~cloexec:true () in
  let argv = [| "grep"; "Sig"; "/proc/self/status" |] in
  let pid = Unix.create_process "grep" argv Unix.stdin writing Unix.stderr in
  Unix.close writing;
  let text = In_channel.input_all (Unix.in_channel_of_descr reading) in
  ignore (Expect.status_of pid : Unix.process_status);
  text

let no_signal_is_blocked what text =
  Expect.contains what ~part:"SigBlk:\t0000000000000000\n" text

let children () =
  let rust =
    [
      ("on tokio", Rust.threads_child_of_tokio);
      ("on tokio's blocking pool", Rust.threads_child_of_blocking);
      ("on Domain 0's blocking pool", Rust.threads_child_of_pool);
      ("in a task", Rust.threads_child_of_task);
    ]
  in
  let* () =
    Lwt_list.iter_s
      (fun (what, start) ->
        let* text = start () in
        no_signal_is_blocked what text;
        Lwt.return_unit)
      rust
  in
  let* text = Blocking.run by_sys_command in
  no_signal_is_blocked "Sys.command in Blocking.run" text;
  let* text = Blocking.run by_create_process in
  no_signal_is_blocked "Unix.create_process in Blocking.run" text;
  Lwt.return_unit

(* Without a budget the task would not come back to the loop, and the timer would not run. *)
let budget yields () =
  let locking = Rust.threads_lock_until_stopped yields in
  let* () = Lwt_unix.sleep 0.005 in
  Rust.threads_stop ();
  let* locks = locking in
  Expect.that "it locked often" (locks > 128);
  Lwt.return_unit

let check_no_budget () = Expect.int "locks" 1000 (Rust.threads_lock_often ())

let no_budget () =
  let* _ = Rust.threads_in_shared_runtime () in
  check_no_budget ();
  (* In OCaml code that a poll calls there is none either. *)
  let* () = Rust.threads_call_under_guard check_no_budget false in
  Rust.threads_call_under_guard check_no_budget true

let cancel_busy () =
  let* cancelled = Rust.threads_cancel_busy () in
  Expect.that "the task is cancelled" cancelled;
  Lwt.return_unit

(* The call that is made under the guard is pending after its first poll. The guard is dropped in order. *)
let guard_over_call () =
  let calls = ref [] in
  let call () = calls := Rust.threads_in_shared_runtime () :: !calls in
  let* () = Rust.threads_call_under_guard call false in
  let* () = Rust.threads_call_under_guard call true in
  Rust.threads_sync_call_under_guard call;
  let* (_ : bool list) = Lwt.all !calls in
  Expect.int "calls" 3 (List.length !calls);
  let* shared = Rust.threads_in_shared_runtime () in
  Expect.that "the shared runtime is current afterwards" shared;
  Lwt.return_unit

let guard () =
  let check what =
    let* shared = Rust.threads_in_shared_runtime () in
    Expect.that what shared;
    Lwt.return_unit
  in
  let hold forget =
    let until, resolve = Lwt.wait () in
    (Rust.threads_hold_guard until forget, resolve)
  in
  let first, end_first = hold true in
  let second, end_second = hold false in
  let* () = check "while other calls hold guards" in
  Lwt.wakeup end_first ();
  let* () = first in
  let* () = check "after a call that has forgotten its guard" in
  Lwt.wakeup end_second ();
  (* tokio panics where a guard is not the last one that is dropped. *)
  let* () =
    Lwt.try_bind
      (fun () -> second)
      (fun () -> failwith "a guard was dropped out of order")
      (function
        | Lwt_interop.Rust_panic { message; _ } ->
            Expect.contains "the panic" ~part:"dropped out of order" message;
            Lwt.return_unit
        | exn -> Lwt.reraise exn)
  in
  let* () = check "after a call that has dropped its guard" in
  let* () = Lwt.pause () in
  check "in a later iteration"

let names () =
  let* () = Blocking.run ignore in
  let* (_ : string) = Rust.threads_child_of_tokio () in
  let name task =
    try
      String.trim
        (In_channel.with_open_text
           ("/proc/self/task/" ^ task ^ "/comm")
           In_channel.input_all)
    with Sys_error _ -> ""
  in
  let names = List.map name (Array.to_list (Sys.readdir "/proc/self/task")) in
  let is_there prefix =
    Expect.that prefix (List.exists (String.starts_with ~prefix) names)
  in
  is_there "tokio-";
  is_there "ocaml-blocking-";
  let id = (Domain.self () :> int) in
  if id <> 0 then is_there (Printf.sprintf "domain-%d" id);
  Lwt.return_unit

let () =
  let cases =
    [
      alone "a closure in Domain 0's blocking pool holds no lock" no_lock;
      case "a closure waits for a domain by call_blocking" (wait_within 0);
      case "a closure waits for a domain by block_on" (wait_within 1);
      case "a wait with the lock gives it back" (wait_within 2);
      case "a wait within nested closures gives the lock back" (wait_within 3);
      case "children block no signals, whatever thread starts them" children;
      alone "tokio's budget acts in the first poll" (budget false);
      alone "tokio's budget acts in later polls" (budget true);
      case "there is no budget in synchronous functions" no_budget;
      case "the shared runtime is entered in each poll" guard;
      case "a call within the scope of a guard does not disturb it" guard_over_call;
      case "a task that uses up its budget can be cancelled" cancel_busy;
      case "threads have names" names;
    ]
  in
  Alcotest.run ~and_exit:true "threads"
    (suites cases @ [ ("at the end", [ nothing_left () ]) ])
