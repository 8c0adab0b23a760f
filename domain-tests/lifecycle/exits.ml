(* Ends in the way that its argument names. [test_exits.ml] checks how the process ended. *)

open Lwt.Syntax
module Handle = Lwt_interop.Handle

let blocking = Atomic.make 0
let computing = Atomic.make false

(* Keeps every kind of thread busy for ever: Domain 0, a domain, a pool's domain, tokio, and both
   blocking pools. Returns the pool. *)
let occupy () =
  let never () =
    ignore (Rust.never 0 : unit Lwt.t);
    ignore (Rust.never_tokio 0 : unit Lwt.t)
  in
  never ();
  ignore (Rust.sleep_blocking 600_000 : unit Lwt.t);
  for _ = 1 to 2 do
    ignore
      (Lwt_interop.Blocking.run (fun () ->
           Atomic.incr blocking;
           Unix.sleep 600)
        : unit Lwt.t)
  done;
  let other = Everywhere.other () in
  ignore (Handle.post other.handle never : bool);
  ignore (Rust.pending_task_on 0 other.id false : string Lwt.t);
  let pool = Lwt_interop.Pool.create ~domains:1 () in
  ignore (Handle.post (Lwt_interop.Pool.handle pool 0) never : bool);
  (* A domain that computes without a loop. *)
  ignore
    (Domain.spawn (fun () ->
         Atomic.set computing true;
         while true do
           Domain.cpu_relax ()
         done)
      : unit Domain.t);
  pool

(* Waits until all of it is busy. Otherwise a signal handler that calls [exit] could run in a domain
   which is just being started, where OCaml 5.3 itself crashes. *)
let all_busy () =
  Expect.eventually (fun () ->
      Rust.futures_alive 0 = 7 && Atomic.get blocking = 2 && Atomic.get computing)

let busy () = ignore (occupy () : Lwt_interop.Pool.t)

let exit_on_a_child code =
  ignore
    (Domain.spawn (fun () ->
         Lwt_main.run
           (let* (_ : string) = Rust.yield_n 2 "" in
            exit code))
      : unit Domain.t)

let forever () = fst (Lwt.wait ())

(* [test_exits.ml] reads stderr, and then sends a signal. *)
let say_ready () = prerr_endline "ready"

let until_killed () =
  busy ();
  Lwt_main.run
    (let* () = all_busy () in
     say_ready ();
     forever ())

let on_signal f =
  List.iter
    (fun signal -> ignore (Lwt_unix.on_signal signal f : Lwt_unix.signal_handler_id))
    [ Sys.sigint; Sys.sigterm ]

let failed = Atomic.make false

let failing () =
  Domain.spawn (fun () ->
      (* Called after the library has closed the domain's executor. *)
      Domain.at_exit (fun () -> Atomic.set failed true);
      Lwt_main.run
        (let _ = Rust.never_tokio 1 in
         let* (_ : string) = Rust.yield_n 2 "" in
         failwith "uncaught"))

let scenario = function
  | "return" ->
      busy ();
      Lwt_main.run (all_busy ())
  | "return without a loop" -> busy ()
  | "return while Domain 0's blocking pool is busy" ->
      Lwt_main.run
        (let started = Atomic.make false in
         let _ =
           Lwt_interop.Blocking.run (fun () ->
               Atomic.set started true;
               Unix.sleep 600)
         in
         Expect.eventually (fun () -> Atomic.get started))
  | "exit in the loop" ->
      busy ();
      Lwt_main.run
        (let* () = all_busy () in
         exit 5)
  | "an uncaught exception" ->
      busy ();
      Lwt_main.run
        (let* () = all_busy () in
         failwith "uncaught")
  | "exit on another domain" ->
      busy ();
      Lwt_main.run
        ((* The rest runs in the loop. *)
         let* () = Lwt.pause () in
         let* () = all_busy () in
         exit_on_a_child 3;
         forever ())
  | "exit on another domain while Domain 0 runs no loop" ->
      Lwt_main.run (Rust.my_async_func ());
      exit_on_a_child 3;
      Unix.sleep 600
  | "exit in a callback from a stub" ->
      ignore (Rust.call_sync (fun _ _ -> exit 6) 1 : string)
  | "exit in a callback from a task" ->
      busy ();
      ignore (Lwt_main.run (Rust.call_from_task (fun _ _ -> exit 6) 1) : string)
  | "exit in a callback from the loop" ->
      ignore (Lwt_main.run (Rust.call_async (fun _ -> exit 6) 1) : int)
  | "exit in a callback from a message" ->
      let fulfilled = Rust.call_before_fulfilling (fun () -> exit 6) in
      (* The next message is in the mailbox while the first one is delivered. *)
      Lwt_main.at_exit (fun () ->
          Lwt.map (fun text -> print_string (" " ^ text)) fulfilled);
      Lwt_main.run (forever ())
  | "exit in a callback from a task, whose hooks wait" ->
      Lwt_main.at_exit (fun () ->
          let* () = Rust.reactor_sleep 0.002 in
          let* _ = Rust.reactor_echo 10 in
          let* (_ : string) = Rust.ready_tokio "" in
          print_string " waited";
          Lwt.return_unit);
      let exits _ _ = exit 6 in
      ignore
        (Lwt_main.run
           (let* () = Rust.reactor_sleep 0.001 in
            Rust.call_from_task exits 1)
          : string)
  | "exit while a function of at_exit raises" ->
      (* On domains of their own, whose executors are closed before the function raises. They are several
         because the memory of the last one is reachable while its thread ends. *)
      let body () =
        Lwt_main.run
          ((* Resolved in the same tick in which the other call runs its callback. *)
           let resolved = Rust.my_async_func () in
           let exits _ _ = try exit 6 with Failure why -> why in
           let* (_ : string) = Rust.call_from_task exits 1 in
           resolved)
      in
      for _ = 1 to 3 do
        (* It runs once. *)
        at_exit (fun () -> failwith "not now");
        print_string
          (match Domain.join (Domain.spawn body) with
          | () -> " returned"
          | exception Lwt_interop.Domain_terminated _ -> " terminated"
          | exception e -> " " ^ Printexc.to_string e)
      done
  (* The delay gives the loop time to fail, if it saw its domain's end. *)
  | "exit in a blocking function" ->
      Dlwt_rt.at_domain_exit ~priority:1000 (fun () -> Unix.sleepf 0.3);
      Lwt_main.run (Lwt_interop.Blocking.run (fun () -> exit 7))
  | "exit in a blocking function called by Rust" ->
      Dlwt_rt.at_domain_exit ~priority:1000 (fun () -> Unix.sleepf 0.3);
      ignore (Lwt_main.run (Rust.ocaml_blocking (fun () -> exit 7)) : int)
  | "a function of at_exit calls Rust" ->
      at_exit (fun () -> print_string (Lwt_main.run (Rust.yield_n 3 " Rust")));
      Lwt_main.run (Rust.my_async_func ())
  | "a handler of Lwt_unix.on_signal that returns" ->
      let got, u = Lwt.wait () in
      ignore
        (Lwt_unix.on_signal Sys.sigint (fun _ -> Lwt.wakeup_later u ())
          : Lwt_unix.signal_handler_id);
      busy ();
      Lwt_main.run
        (let* () = all_busy () in
         Unix.kill (Unix.getpid ()) Sys.sigint;
         got)
  | "a signal's default action" -> until_killed ()
  | "a handler of Sys.signal that exits" ->
      let handler = Sys.Signal_handle (fun _ -> exit 9) in
      List.iter (fun signal -> Sys.set_signal signal handler) [ Sys.sigint; Sys.sigterm ];
      until_killed ()
  | "a handler of Lwt_unix.on_signal that exits" ->
      on_signal (fun _ -> exit 9);
      until_killed ()
  | "a handler of Lwt_unix.on_signal that ends the loop" ->
      let got, u = Lwt.wait () in
      on_signal (fun _ -> Lwt.wakeup_later u ());
      busy ();
      Lwt_main.run
        (let* () = all_busy () in
         say_ready ();
         got)
  | "exit on a pool's domain" ->
      let pool = occupy () in
      Lwt_main.run
        (let* () = all_busy () in
         Lwt_interop.Pool.spawn pool (fun () -> exit 8))
  | "exit on a systhread" ->
      busy ();
      Lwt_main.run
        (let* () = all_busy () in
         ignore (Thread.create exit 8 : Thread.t);
         forever ())
  | "an uncaught exception of a domain that is joined" ->
      busy ();
      Lwt_main.run (all_busy ());
      Domain.join (failing ())
  | "an uncaught exception of a domain that is not joined" ->
      busy ();
      Lwt_main.run
        (let* () = all_busy () in
         ignore (failing () : unit Domain.t);
         Expect.eventually (fun () -> Atomic.get failed))
  | "an uncaught exception of a message" ->
      let pool = occupy () in
      Lwt_main.run
        (let* () = all_busy () in
         ignore
           (Handle.post (Lwt_interop.Pool.handle pool 0) (fun () -> failwith "uncaught")
             : bool);
         forever ())
  | "destructors that panic" ->
      Rust.spawn_panicking_drops 0 3;
      ignore (Rust.never_with_panicking_drop 0 : unit Lwt.t);
      ignore (Rust.never_with_panicking_drop_tokio 0 : unit Lwt.t);
      Lwt_main.run (Rust.my_async_func ());
      Rust.spawn_panicking_drops 0 3
  | "return from a pool's run" ->
      ignore (Lwt_interop.run ~domains:2 (fun () -> Rust.ready_add 1 2) : int)
  | other -> failwith ("no scenario " ^ other)

let () =
  at_exit (fun () -> print_string " at_exit");
  Lwt_main.at_exit (fun () ->
      print_string " Lwt_main.at_exit";
      Lwt.return_unit);
  print_string "begun";
  scenario Sys.argv.(1)
