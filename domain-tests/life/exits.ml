(* Ends in the way that its argument names. test_exits.ml knows what has to come of it. *)

open Lwt.Syntax
module Handle = Lwt_interop.Handle

let on_lane = Atomic.make 0
let computes = Atomic.make false

(* What keeps every kind of thread busy for ever: Domain 0, a domain, a pool's, tokio, its blocking
   pool, the lane. Gives the pool. *)
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
           Atomic.incr on_lane;
           Unix.sleep 600)
        : unit Lwt.t)
  done;
  let other = Everywhere.other () in
  ignore (Handle.post other.handle never : bool);
  ignore (Rust.visit_never 0 other.id false : string Lwt.t);
  let pool = Lwt_interop.Pool.create ~domains:1 () in
  ignore (Handle.post (Lwt_interop.Pool.handle pool 0) never : bool);
  (* One that computes. *)
  ignore
    (Domain.spawn (fun () ->
         Atomic.set computes true;
         while true do
           Domain.cpu_relax ()
         done)
      : unit Domain.t);
  pool

(* A signal that OCaml handles in a domain which is just being started is OCaml's to survive: 5.3
   does not, where the handler calls [exit]. *)
let is_under_way () =
  Rust.futures_alive 0 = 7 && Atomic.get on_lane = 2 && Atomic.get computes

let under_way () = Expect.eventually is_under_way
let busy () = ignore (occupy () : Lwt_interop.Pool.t)

let in_a_child code =
  ignore
    (Domain.spawn (fun () ->
         Lwt_main.run
           (let* (_ : string) = Rust.yield_n 2 "" in
            exit code))
      : unit Domain.t)

let forever () = fst (Lwt.wait ())

(* For who reads our stderr, and then sends a signal. *)
let say_ready () = prerr_endline "ready"

let until_killed () =
  busy ();
  Lwt_main.run
    (let* () = under_way () in
     say_ready ();
     forever ())

let on_signal f =
  List.iter
    (fun signal -> ignore (Lwt_unix.on_signal signal f : Lwt_unix.signal_handler_id))
    [ Sys.sigint; Sys.sigterm ]

let failed = Atomic.make false

let failing () =
  Domain.spawn (fun () ->
      (* After what the library does at the end. *)
      Domain.at_exit (fun () -> Atomic.set failed true);
      Lwt_main.run
        (let _ = Rust.never_tokio 1 in
         let* (_ : string) = Rust.yield_n 2 "" in
         failwith "uncaught"))

let scenario = function
  | "return" ->
      busy ();
      Lwt_main.run (under_way ())
  | "return without a loop" -> busy ()
  | "lane" ->
      Lwt_main.run
        (let started = Atomic.make false in
         let _ =
           Lwt_interop.Blocking.run (fun () ->
               Atomic.set started true;
               Unix.sleep 600)
         in
         Expect.eventually (fun () -> Atomic.get started))
  | "exit" ->
      busy ();
      Lwt_main.run
        (let* () = under_way () in
         exit 5)
  | "exception" ->
      busy ();
      Lwt_main.run
        (let* () = under_way () in
         failwith "uncaught")
  | "child" ->
      busy ();
      Lwt_main.run
        ((* The rest runs in the loop. *)
         let* () = Lwt.pause () in
         let* () = under_way () in
         in_a_child 3;
         forever ())
  | "child, no loop" ->
      Lwt_main.run (Rust.my_async_func ());
      in_a_child 3;
      Unix.sleep 600
  | "callback" -> ignore (Rust.call_sync (fun _ _ -> exit 6) 1 : string)
  | "callback in a task" ->
      busy ();
      ignore (Lwt_main.run (Rust.call_from_task (fun _ _ -> exit 6) 1) : string)
  | "callback from the loop" ->
      ignore (Lwt_main.run (Rust.call_async (fun _ -> exit 6) 1) : int)
  | "callback of a message" ->
      let fulfilled = Rust.call_before_fulfilling (fun () -> exit 6) in
      (* The next message is in the inbox while the first one is delivered. *)
      Lwt_main.at_exit (fun () ->
          Lwt.map (fun text -> print_string (" " ^ text)) fulfilled);
      Lwt_main.run (forever ())
  | "an exit that a hook refuses" ->
      (* On a domain of its own, whose end comes before the hook. *)
      let refusals = Atomic.make 1 in
      at_exit (fun () -> if Atomic.exchange refusals 0 = 1 then failwith "not now");
      let body () =
        Lwt_main.run
          ((* Settled in the tick in which the other one calls. *)
           let settled = Rust.my_async_func () in
           let exits _ _ = try exit 6 with Failure why -> why in
           let* (_ : string) = Rust.call_from_task exits 1 in
           settled)
      in
      let outcome =
        match Domain.join (Domain.spawn body) with
        | () -> "returned"
        | exception Lwt_interop.Domain_terminated _ -> "terminated"
        | exception e -> Printexc.to_string e
      in
      print_string (" " ^ outcome)
  (* If the loop learned of its domain's end, it would have the time to fail. *)
  | "lane's exit" ->
      Dlwt_rt.at_domain_exit ~priority:1000 (fun () -> Unix.sleepf 0.3);
      Lwt_main.run (Lwt_interop.Blocking.run (fun () -> exit 7))
  | "lane's callback" ->
      Dlwt_rt.at_domain_exit ~priority:1000 (fun () -> Unix.sleepf 0.3);
      ignore (Lwt_main.run (Rust.on_lane (fun () -> exit 7)) : int)
  | "rust at exit" ->
      at_exit (fun () -> print_string (Lwt_main.run (Rust.yield_n 3 " rust at exit")));
      Lwt_main.run (Rust.my_async_func ())
  | "signal" ->
      let got, u = Lwt.wait () in
      ignore
        (Lwt_unix.on_signal Sys.sigint (fun _ -> Lwt.wakeup_later u ())
          : Lwt_unix.signal_handler_id);
      busy ();
      Lwt_main.run
        (let* () = under_way () in
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
        (let* () = under_way () in
         say_ready ();
         got)
  | "exit on a pool's domain" ->
      let pool = occupy () in
      Lwt_main.run
        (let* () = under_way () in
         Lwt_interop.Pool.spawn pool (fun () -> exit 8))
  | "exit on a systhread" ->
      busy ();
      Lwt_main.run
        (let* () = under_way () in
         ignore (Thread.create exit 8 : Thread.t);
         forever ())
  | "a domain's exception, joined" ->
      busy ();
      Lwt_main.run (under_way ());
      Domain.join (failing ())
  | "a domain's exception, not joined" ->
      busy ();
      Lwt_main.run
        (let* () = under_way () in
         ignore (failing () : unit Domain.t);
         Expect.eventually (fun () -> Atomic.get failed))
  | "an exception of a message" ->
      let pool = occupy () in
      Lwt_main.run
        (let* () = under_way () in
         ignore
           (Handle.post (Lwt_interop.Pool.handle pool 0) (fun () -> failwith "uncaught")
             : bool);
         forever ())
  | "bomb" ->
      (* Destructors that panic, at the end of Domain 0. *)
      Rust.leave_bombs 0 3;
      ignore (Rust.never_bomb 0 : unit Lwt.t);
      ignore (Rust.never_bomb_tokio 0 : unit Lwt.t);
      Lwt_main.run (Rust.my_async_func ());
      Rust.leave_bombs 0 3
  | "pool" -> ignore (Lwt_interop.run ~domains:2 (fun () -> Rust.ready_add 1 2) : int)
  | other -> failwith ("no scenario " ^ other)

let () =
  at_exit (fun () -> print_string " at_exit");
  Lwt_main.at_exit (fun () ->
      print_string " Lwt_main.at_exit";
      Lwt.return_unit);
  print_string "begun";
  scenario Sys.argv.(1)
