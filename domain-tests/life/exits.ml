(* Ends in the way that its argument names. test_exits.ml knows what has to come of it. *)

open Lwt.Syntax
module Handle = Lwt_interop.Handle

(* What keeps tokio, a domain and Domain 0's executor busy for ever. *)
let occupy () =
  ignore (Rust.never 0 : unit Lwt.t);
  ignore (Rust.never_tokio 0 : unit Lwt.t);
  ignore (Rust.sleep_blocking 600_000 : unit Lwt.t);
  let other = Everywhere.other () in
  ignore
    (Handle.post other.handle (fun () -> ignore (Rust.never_tokio 0 : unit Lwt.t)) : bool);
  ignore (Rust.visit_never 0 other.id false : string Lwt.t);
  ignore (Lwt_interop.Pool.create ~domains:1 () : Lwt_interop.Pool.t);
  (* One that computes. *)
  ignore
    (Domain.spawn (fun () ->
         while true do
           Domain.cpu_relax ()
         done)
      : unit Domain.t)

let under_way () = Expect.eventually (fun () -> Rust.futures_alive 0 >= 4)

let in_a_child code =
  ignore
    (Domain.spawn (fun () ->
         Lwt_main.run
           (let* (_ : string) = Rust.yield_n 2 "" in
            exit code))
      : unit Domain.t)

let forever () = fst (Lwt.wait ())

let scenario = function
  | "return" ->
      occupy ();
      Lwt_main.run (under_way ())
  | "return without a loop" -> occupy ()
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
      occupy ();
      Lwt_main.run
        (let* () = under_way () in
         exit 5)
  | "exception" ->
      occupy ();
      Lwt_main.run
        (let* () = under_way () in
         failwith "uncaught")
  | "child" ->
      occupy ();
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
      occupy ();
      ignore (Lwt_main.run (Rust.call_from_task (fun _ _ -> exit 6) 1) : string)
  | "callback from the loop" ->
      ignore (Lwt_main.run (Rust.call_async (fun _ -> exit 6) 1) : int)
  | "lane's exit" -> Lwt_main.run (Lwt_interop.Blocking.run (fun () -> exit 7))
  | "lane's callback" -> ignore (Lwt_main.run (Rust.on_lane (fun () -> exit 7)) : int)
  | "rust at exit" ->
      at_exit (fun () -> print_string (Lwt_main.run (Rust.yield_n 3 " rust at exit")));
      Lwt_main.run (Rust.my_async_func ())
  | "signal" ->
      let got, u = Lwt.wait () in
      ignore
        (Lwt_unix.on_signal Sys.sigint (fun _ -> Lwt.wakeup_later u ())
          : Lwt_unix.signal_handler_id);
      occupy ();
      Lwt_main.run
        (let* () = under_way () in
         Unix.kill (Unix.getpid ()) Sys.sigint;
         got)
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
