(* SIGPIPE: writes to a closed pipe, in OCaml and in Rust, on every kind of domain and thread; programs that
   set the signal themselves; child processes. *)

open Lwt.Syntax
open Everywhere
module Blocking = Lwt_interop.Blocking

let closed_pipe () =
  let reading, writing = Unix.pipe ~cloexec:true () in
  Unix.close reading;
  writing

let write_by_unix () =
  let fd = closed_pipe () in
  Fun.protect
    ~finally:(fun () -> Unix.close fd)
    (fun () ->
      match Unix.write_substring fd "x" 0 1 with
      | n -> Printf.sprintf "%d written" n
      | exception Unix.Unix_error (e, _, _) -> Unix.error_message e)

let write_by_lwt () =
  let fd = Lwt_unix.of_unix_file_descr (closed_pipe ()) in
  Lwt.finalize
    (fun () ->
      Lwt.catch
        (fun () ->
          let+ n = Lwt_unix.write_string fd "x" 0 1 in
          Printf.sprintf "%d written" n)
        (function
          | Unix.Unix_error (e, _, _) -> Lwt.return (Unix.error_message e)
          | e -> Lwt.fail e))
    (fun () -> Lwt_unix.close fd)

let writes () =
  let check what p =
    let+ text = p in
    Expect.string what "Broken pipe" text
  in
  let* () = check "Unix.write" (Lwt.return (write_by_unix ())) in
  let* () = check "Lwt_unix.write" (write_by_lwt ()) in
  let* () = check "in Blocking.run" (Blocking.run write_by_unix) in
  let* () = check "Lwt_preemptive" (Lwt_preemptive.detach write_by_unix ()) in
  let* () = check "in a task" (Rust.threads_write_in_task ()) in
  let* () = check "on tokio" (Rust.threads_write_on_tokio ()) in
  let* () = check "on tokio's blocking pool" (Rust.threads_write_on_blocking ()) in
  let* () = check "in Domain 0's blocking pool" (Rust.threads_write_in_pool ()) in
  check "on a thread" (Lwt.return (Rust.threads_write_on_thread ()))

let sigpipe = 0x1000L
let grep = [| "grep"; "Sig"; "/proc/self/status" |]
let by_create_process () = fst (Processes.finish (Processes.start grep))

let children () =
  let is_default what text =
    List.iter
      (fun name ->
        Expect.that
          (what ^ ": " ^ name)
          (Int64.logand sigpipe (Processes.signals name text) = 0L))
      [ "SigBlk"; "SigIgn" ]
  in
  is_default "Unix.create_process" (by_create_process ());
  let* text = Lwt_process.pread ("", grep) in
  is_default "Lwt_process" text;
  let* text = Rust.threads_child_of_task () in
  is_default "std::process in a task" text;
  let+ text = Rust.threads_child_of_tokio () in
  is_default "std::process on tokio" text

(* ---- programs of their own, which set SIGPIPE *)

let use_rust () = Expect.int "a call" 3 (Lwt_main.run (Rust.ready_add 1 2))

(* The first calls of two domains come in between: they must not change what the program has set. *)
let write_after_first_calls () =
  use_rust ();
  Domain.join (Domain.spawn use_rust);
  print_string (write_by_unix ());
  flush stdout;
  Domain.join (Domain.spawn (fun () -> print_string (", " ^ write_by_unix ())))

let program = function
  | "kept" ->
      write_after_first_calls ();
      Printf.printf ", %d handled" (Atomic.get Sigpipe_before.handled)
  | "set" ->
      Sys.set_signal Sys.sigpipe Signal_default;
      write_after_first_calls ()
  | "restored" ->
      let before = Sys.signal Sys.sigpipe Signal_ignore in
      Sys.set_signal Sys.sigpipe before;
      write_after_first_calls ()
  | other -> invalid_arg other

let run ?before name =
  let before = Option.fold ~none:[||] ~some:(fun how -> [| "BEFORE=" ^ how |]) before in
  let env = Array.append (Unix.environment ()) before in
  Processes.(finish (start ~env (program name)))

let prints ?before name expected () =
  let text, status = run ?before name in
  Expect.that "it exits" (status = Unix.WEXITED 0);
  Expect.string "its output" expected text

let is_killed () =
  let text, status = run "set" in
  Expect.that "it is killed by SIGPIPE" (status = Unix.WSIGNALED Sys.sigpipe);
  Expect.string "its output" "" text

let programs =
  [
    plain "a handler that was set before stays"
      (prints ~before:"handle" "kept" "Broken pipe, Broken pipe, 2 handled");
    plain "a signal that was ignored before stays so"
      (prints ~before:"ignore" "kept" "Broken pipe, Broken pipe, 0 handled");
    plain "a program may set the default" is_killed;
    plain "a program may set another behaviour for a while"
      (prints "restored" "Broken pipe, Broken pipe");
  ]

let () =
  match Sys.argv with
  | [| _; "program"; name |] -> program name
  | _ ->
      let cases =
        [
          case "a write to a closed pipe fails, and is no signal" writes;
          case "children are ended by SIGPIPE" children;
        ]
      in
      Alcotest.run ~and_exit:true "sigpipe"
        (suites cases @ [ ("programs", programs); ("at the end", [ nothing_left () ]) ])
