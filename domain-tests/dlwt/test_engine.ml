(* The engine that a domain starts with: threads, signals, forks, other engines and its
   destruction. Descriptors and timers have files of their own. *)

open Lwt.Infix
open Support
open Engine_fixture

(* A loop that never blocks yields to the other threads of its domain every few iterations, not
   only when OCaml's tick, twenty times a second, makes it. *)
let busy_loop_and_threads () =
  let runs = ref 0 and over = ref false in
  let run_until_over () =
    while not !over do
      incr runs;
      Thread.yield ()
    done
  in
  let thread = Thread.create run_until_over () in
  eventually (fun () -> !runs > 0);
  let before = !runs in
  let rec pause n =
    if n = 0 then Lwt.return_unit else Lwt.pause () >>= fun () -> pause (n - 1)
  in
  Lwt_main.run (pause 1600);
  over := true;
  Thread.join thread;
  check "the thread runs regularly" (!runs - before > 50)

(* ---------------------------------------------------------------- signals *)

exception Interrupted

let with_alarms handler f =
  Sys.set_signal Sys.sigalrm (Signal_handle handler);
  let set interval =
    ignore (Unix.setitimer ITIMER_REAL { it_interval = interval; it_value = interval })
  in
  set 0.002;
  Fun.protect
    ~finally:(fun () ->
      set 0.;
      (* One may still be pending. *)
      Sys.set_signal Sys.sigalrm Signal_ignore)
    f

(* A signal just before the wait does not end it, but a later one does. *)
let signal_ends_the_wait engine =
  with_pipe @@ fun r _ ->
  ignore (engine#on_readable r ignore);
  let caught = ref false in
  with_alarms (fun _ -> caught := true) (fun () -> until engine (fun () -> !caught))

let handler_that_raises engine =
  with_pipe @@ fun r w ->
  let ran = ref 0 in
  ignore (engine#on_readable r (count ran));
  (match
     with_alarms
       (fun _ -> raise Interrupted)
       (fun () ->
         while true do
           engine#iter true
         done)
   with
  | exception Interrupted -> ()
  | () -> check "the exception was raised" false);
  put w;
  until engine (fun () -> !ran > 0)

(* ------------------------------------------------------- engines and their end *)

let destroyed_with_registrations () =
  let before = descriptors () in
  with_pipe (fun r w ->
      let engine = new Lwt_engine.dlwt_epoll in
      let never _ = check "destroyed" false in
      let event = engine#on_readable r never in
      ignore (engine#on_writable w never);
      ignore (engine#on_timer 0. true never);
      let counts () =
        [ engine#readable_count; engine#writable_count; engine#timer_count ]
      in
      Alcotest.(check (list int)) "one of each" [ 1; 1; 1 ] (counts ());
      engine#destroy;
      Alcotest.(check (list int)) "none" [ 0; 0; 0 ] (counts ());
      Lwt_engine.stop_event event;
      match engine#iter false with
      | () -> check "iter raises in a destroyed engine" false
      | exception Unix.Unix_error (EBADF, _, _) -> ());
  Alcotest.(check int) "descriptors" before (descriptors ())

let engines_of_many_domains () =
  with_pipe @@ fun r w ->
  let before = descriptors () in
  for _ = 1 to 20 do
    List.init 3 (fun _ ->
        Domain.spawn (fun () ->
            ignore (Lwt_engine.on_readable r ignore);
            ignore (Lwt_engine.on_writable w ignore);
            ignore (Lwt_engine.on_timer 1000. true ignore);
            Lwt_main.run (Lwt.pause ())))
    |> List.iter Domain.join
  done;
  Alcotest.(check int) "descriptors" before (descriptors ())

let transfer engine =
  with_pipe @@ fun r w ->
  let read = ref 0 and timed = ref 0 in
  let event = engine#on_readable r (count read) in
  let timer = engine#on_timer 0. true (count timed) in
  put w;
  let other = new Lwt_engine.select in
  engine#transfer (other :> Lwt_engine.abstract);
  engine#iter false;
  Alcotest.(check (list int)) "no callback in the first engine" [ 0; 0 ] [ !read; !timed ];
  until (other :> Lwt_engine.t) (fun () -> !read > 0 && !timed > 0);
  Lwt_engine.stop_event event;
  Lwt_engine.stop_event timer;
  let event = other#on_readable r (count read) in
  other#transfer (engine :> Lwt_engine.abstract);
  let n = !read in
  until engine (fun () -> !read = n + 1);
  Lwt_engine.stop_event event;
  check_asleep engine

let fake_io engine =
  with_pipe @@ fun r w ->
  let read = ref 0 and written = ref 0 in
  ignore (engine#on_readable r (count read));
  ignore (engine#on_writable w (count written));
  engine#fake_io r;
  Alcotest.(check (list int)) "the reader" [ 1; 0 ] [ !read; !written ]

(* A forked child shares the epoll instance with its parent, but registrations must be
   independent. Runs before the first domain is spawned. *)
let fork engine =
  with_pipe @@ fun r w ->
  with_pipe @@ fun r' w' ->
  let read = ref 0 and other = ref 0 in
  let event = engine#on_readable r (count read) in
  ignore (engine#on_readable r' (count other));
  engine#iter false;
  put w;
  match Unix.fork () with
  | 0 ->
      engine#iter true;
      Lwt_engine.stop_event event;
      let one = !read = 1 in
      engine#iter false;
      engine#iter false;
      put w';
      engine#iter true;
      Unix._exit (if one && !read = 1 && !other = 1 then 0 else 1)
  | child ->
      let _, status = Unix.waitpid [] child in
      check "the child's registrations work" (status = WEXITED 0);
      until engine (fun () -> !read > 0 && !other > 0)

let parent_stops engine =
  with_pipe @@ fun r w ->
  with_pipe @@ fun notified notify ->
  let read = ref 0 in
  let event = engine#on_readable r (count read) in
  engine#iter false;
  match Unix.fork () with
  | 0 ->
      ignore (Unix.read notified (Bytes.create 1) 0 1 : int);
      engine#iter false;
      Unix._exit (if !read = 1 then 0 else 1)
  | child ->
      Lwt_engine.stop_event event;
      put w;
      (* Removes the descriptor from the epoll instance. *)
      engine#iter false;
      put notify;
      let _, status = Unix.waitpid [] child in
      check "the child's registration works" (status = WEXITED 0)

let child_renews engine =
  let here, there = Unix.(socketpair ~cloexec:true PF_UNIX SOCK_STREAM 0) in
  Fun.protect ~finally:(fun () -> List.iter Unix.close [ here; there ]) @@ fun () ->
  with_pipe @@ fun notified notify ->
  let read = ref 0 and written = ref 0 in
  ignore (engine#on_readable here (count read));
  engine#iter false;
  match Unix.fork () with
  | 0 ->
      ignore (Unix.read notified (Bytes.create 1) 0 1 : int);
      engine#iter false;
      Unix._exit 0
  | child ->
      ignore (engine#on_writable here (count written));
      engine#iter false;
      put notify;
      ignore (Unix.waitpid [] child);
      let before = !written in
      engine#iter false;
      check "the parent's registration works" (!written > before)

let other_engines () =
  let works () = Lwt_main.run (Lwt_unix.sleep 0.0001 >>= Lwt.pause) in
  Domain.join
    (Domain.spawn (fun () ->
         works ();
         Lwt_engine.set (new Lwt_engine.select);
         works ();
         if Lwt_sys.have `libev then (
           Lwt_engine.set (new Lwt_engine.libev ());
           works ());
         Lwt_engine.set (new Lwt_engine.dlwt_epoll);
         works ()))

let () =
  Alcotest.run "dlwt engine"
    [
      ( "fork",
        [
          case "the child has its own epoll instance" fork;
          case "a parent that stops what its child waits for" parent_stops;
          case "a parent that waits for more than its child" child_renews;
        ] );
      ("threads", [ plain "a loop that never blocks, and threads" busy_loop_and_threads ]);
      ( "signals",
        [
          case "a signal ends the wait" signal_ends_the_wait;
          case "a handler that raises" handler_that_raises;
        ] );
      ( "engines",
        [
          plain "destroyed with registrations" destroyed_with_registrations;
          plain "of many domains" engines_of_many_domains;
          case "transfer" transfer;
          case "fake_io" fake_io;
          plain "other engines can be set" other_engines;
        ] );
    ]
