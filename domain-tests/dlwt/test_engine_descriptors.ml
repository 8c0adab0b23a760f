(* The engine and descriptors: registered, ready, stopped, closed and reused, also while an
   iteration runs. *)

open Lwt.Infix
open Support
open Engine_fixture

(* ------------------------------------------------------------- descriptors *)

external most_descriptors : unit -> int = "dlwt_test_most_descriptors"

let most = most_descriptors ()

(* [f] gets [n] descriptors of one pipe, if the process may open as many. *)
let with_many n f =
  if most < n + 100 then Printf.printf "skipped: only %d descriptors\n%!" most
  else
    with_pipe (fun r w ->
        let many = List.init n (fun _ -> Unix.dup ~cloexec:true r) in
        Fun.protect ~finally:(fun () -> List.iter Unix.close many) (fun () -> f many w))

let many n () =
  with_many n (fun many w ->
      with_engine
        (fun engine ->
          let ran = ref 0 in
          let on_readable fd =
            engine#on_readable fd (fun event ->
                incr ran;
                Lwt_engine.stop_event event)
          in
          List.iter (fun fd -> ignore (on_readable fd)) many;
          engine#iter false;
          Alcotest.(check int) "no callback before a write" 0 !ran;
          put w;
          until engine (fun () -> !ran = n);
          engine#iter false;
          Alcotest.(check int) "one callback each" n !ran)
        ())

(* Each domain has more descriptors than [select] supports. *)
let many_in_lwt () =
  let wait_for_all many w =
    let wait fd = Lwt_unix.wait_read (Lwt_unix.of_unix_file_descr ~blocking:false fd) in
    let all = Lwt.join (List.map wait many) in
    Lwt_main.run
      ( Lwt.pause () >>= fun () ->
        check "pending before the write" (Lwt.is_sleeping all);
        put w;
        all >>= Lwt.pause >>= Lwt.pause )
  in
  List.init 2 (fun _ -> Domain.spawn (fun () -> with_many 1500 wait_for_all))
  |> List.iter Domain.join

let with_file f =
  let name = Filename.temp_file "dlwt" ".txt" in
  let fd = Unix.openfile name [ O_RDWR; O_CLOEXEC ] 0 in
  Sys.remove name;
  Fun.protect ~finally:(fun () -> Unix.close fd) (fun () -> f fd)

let regular_file engine =
  with_file @@ fun fd ->
  let read = ref 0 and written = ref 0 in
  let reader = engine#on_readable fd (count read) in
  let writer = engine#on_writable fd (count written) in
  for _ = 1 to 3 do
    engine#iter true
  done;
  Lwt_engine.stop_event reader;
  engine#iter true;
  Alcotest.(check int) "readable each time" 3 !read;
  Alcotest.(check int) "writable each time" 4 !written;
  Lwt_engine.stop_event writer;
  check_asleep engine

(* Closes [number], if it is open, and reuses it for another pipe. *)
let reusing number f =
  with_pipe (fun r w ->
      Unix.dup2 ~cloexec:true r number;
      Fun.protect ~finally:(fun () -> Unix.close number) (fun () -> f w))

let number_of_a_regular_file_reused engine =
  with_pipe @@ fun r _ ->
  with_file (fun file -> Unix.dup2 ~cloexec:true file r);
  let old = ref 0 and young = ref 0 in
  ignore (engine#on_readable r (count old));
  engine#iter true;
  Unix.close r;
  reusing r (fun w' ->
      ignore (engine#on_readable r (count young));
      engine#iter false;
      put w';
      until engine (fun () -> !young > 0));
  Alcotest.(check int) "the regular file's" 1 !old

let number_reused engine =
  with_pipe @@ fun r w ->
  let old = ref 0 and young = ref 0 in
  let event = engine#on_readable r (count old) in
  engine#iter false;
  Unix.close r;
  reusing r (fun w' ->
      let event' = engine#on_readable r (count young) in
      put w';
      until engine (fun () -> !young > 0);
      take r;
      engine#iter false;
      Alcotest.(check int) "the closed file's" 0 !old;
      Alcotest.(check int) "the new file's" 1 !young;
      (* Stopping the old registration must not stop the new one. *)
      Lwt_engine.stop_event event;
      put w';
      until engine (fun () -> !young = 2);
      Lwt_engine.stop_event event');
  ignore w

(* [Lwt_unix] stops and registers between two waits. The number is a pipe's, another pipe's, a
   regular file's and a pipe's again. *)
let stopped_and_number_reused engine =
  with_file @@ fun file ->
  with_pipe @@ fun r _ ->
  let event = engine#on_readable r (fun _ -> check "stopped" false) in
  engine#iter false;
  Lwt_engine.stop_event event;
  Unix.close r;
  let ran = ref 0 in
  let once event =
    Lwt_engine.stop_event event;
    incr ran
  in
  let new_pipe n =
    reusing r (fun w' ->
        let event = engine#on_readable r once in
        engine#iter false;
        Alcotest.(check int) "nothing to read" (n - 1) !ran;
        put w';
        until engine (fun () -> !ran = n);
        Lwt_engine.stop_event event)
  in
  new_pipe 1;
  Unix.dup2 ~cloexec:true file r;
  ignore (engine#on_readable r once);
  engine#iter true;
  Alcotest.(check int) "the regular file" 2 !ran;
  new_pipe 3

(* The kernel still reports the file, which is open under another number. *)
let closed_but_open_elsewhere engine =
  with_pipe @@ fun r w ->
  let other = Unix.dup ~cloexec:true r in
  let live = ref 0 in
  with_pipe @@ fun r' w' ->
  let read _ =
    take r';
    incr live
  in
  ignore (engine#on_readable r' read);
  with_pipe @@ fun gone _ ->
  ignore (engine#on_readable gone (fun _ -> check "closed" false));
  let event = engine#on_readable r ignore in
  engine#iter false;
  Lwt_engine.stop_event event;
  Unix.close r;
  put w;
  reusing gone (fun w' ->
      put w';
      check_asleep engine);
  put w';
  until engine (fun () -> !live = 1);
  reusing r (fun w'' ->
      let ran = ref 0 in
      let event = engine#on_readable r (count ran) in
      engine#iter false;
      Alcotest.(check int) "no callback for the file under the other number" 0 !ran;
      put w'';
      until engine (fun () -> !ran = 1);
      Lwt_engine.stop_event event);
  check_asleep engine;
  Unix.close other

(* Its next use returns the error. *)
let closed_before engine =
  with_pipe @@ fun r _ ->
  Unix.close r;
  let ran = ref 0 in
  let event = engine#on_readable r (count ran) in
  engine#iter true;
  Alcotest.(check int) "ready once" 1 !ran;
  check_asleep engine;
  reusing r (fun w' ->
      let once event =
        take r;
        Lwt_engine.stop_event event
      in
      ignore (engine#on_readable r once);
      put w';
      until engine (fun () -> engine#readable_count = 1));
  Alcotest.(check int) "no callback for the next file" 1 !ran;
  Lwt_engine.stop_event event

(* It is in the engine's lists once, however often it is registered. *)
let closed_again_and_again engine =
  with_pipe @@ fun r _ ->
  Unix.close r;
  let rounds n =
    for _ = 1 to n do
      let once event = Lwt_engine.stop_event event in
      ignore (engine#on_readable r once);
      engine#iter false
    done;
    Obj.reachable_words (Obj.repr engine)
  in
  let before = rounds 10 in
  let after = rounds 1000 in
  check (Printf.sprintf "%d words, then %d" before after) (after < before + 1000)

let stopped_before_it_waits engine =
  with_pipe @@ fun r w ->
  put w;
  Lwt_engine.stop_event (engine#on_readable r (fun _ -> check "stopped" false));
  check_asleep engine

(* The kernel reports the stopped descriptor once. *)
let ready_after_it_was_stopped engine =
  with_pipe @@ fun r w ->
  let event = engine#on_readable r (fun _ -> check "stopped" false) in
  engine#iter false;
  Lwt_engine.stop_event event;
  put w;
  check_asleep engine;
  let ran = ref 0 in
  let event = engine#on_readable r (count ran) in
  until engine (fun () -> !ran > 0);
  Lwt_engine.stop_event event

let with_sockets f =
  let a, b = Unix.socketpair ~cloexec:true PF_UNIX SOCK_STREAM 0 in
  Fun.protect
    ~finally:(fun () ->
      Unix.close a;
      Unix.close b)
    (fun () -> f a b)

let several_waiters engine =
  with_sockets @@ fun a b ->
  let runs = Array.make 4 0 in
  let run i _ = runs.(i) <- runs.(i) + 1 in
  let check what expected =
    Alcotest.(check (list int)) what expected (Array.to_list runs)
  in
  let first = engine#on_readable a (run 0) in
  let second = engine#on_readable a (run 1) in
  engine#iter false;
  check "none" [ 0; 0; 0; 0 ];
  put b;
  engine#iter true;
  check "both readers" [ 1; 1; 0; 0 ];
  let writer = engine#on_writable a (run 2) in
  Lwt_engine.stop_event first;
  engine#iter true;
  check "one of each" [ 1; 2; 1; 0 ];
  Lwt_engine.stop_event second;
  let third = engine#on_readable a (run 3) in
  Lwt_engine.stop_event writer;
  engine#iter true;
  check "the newest" [ 1; 2; 1; 1 ];
  take a;
  check_asleep engine;
  check "no more" [ 1; 2; 1; 1 ];
  Lwt_engine.stop_event third

(* A descriptor that stays ready in the stopped direction must not keep the loop awake. *)
let one_direction_is_left engine =
  with_sockets @@ fun a b ->
  let written = ref 0 and read = ref 0 in
  let reader = engine#on_readable a (count read) in
  let writer = engine#on_writable a (count written) in
  until engine (fun () -> !written > 0);
  Lwt_engine.stop_event writer;
  check_asleep engine;
  put b;
  until engine (fun () -> !read > 0);
  Lwt_engine.stop_event reader

(* ----------------------------------------------------- during an iteration *)

let stopped_by_another engine =
  with_pipe @@ fun r w ->
  with_pipe @@ fun r' w' ->
  let ran = ref 0 in
  let events = ref [] in
  let stop_all _ =
    incr ran;
    List.iter Lwt_engine.stop_event !events;
    events := []
  in
  events := List.map (fun fd -> engine#on_readable fd stop_all) [ r; r; r'; r' ];
  put w;
  put w';
  until engine (fun () -> !ran > 0);
  engine#iter false;
  Alcotest.(check int) "the first stops all others" 1 !ran;
  (* Timers run before descriptors. *)
  let event = engine#on_readable r (fun _ -> check "stopped by the timer" false) in
  let timer = engine#on_timer 1000. false (fun _ -> check "stopped too" false) in
  ignore
    (engine#on_timer 0. false (fun self ->
         List.iter Lwt_engine.stop_event [ event; timer; self ];
         incr ran));
  until engine (fun () -> !ran = 2);
  engine#iter false;
  Alcotest.(check int) "no timers" 0 engine#timer_count

let registered_during_an_iteration engine =
  with_pipe @@ fun r w ->
  with_pipe @@ fun r' w' ->
  put w;
  put w';
  let first = ref 0 and late = ref 0 in
  let register fd =
    engine#on_readable fd (fun event ->
        Lwt_engine.stop_event event;
        incr first;
        if !first = 1 then (
          ignore (engine#on_readable r (count late));
          ignore (engine#on_readable r' (count late))))
  in
  ignore (register r);
  ignore (register r');
  until engine (fun () -> !first = 2);
  Alcotest.(check int) "not in the same iteration" 0 !late;
  until engine (fun () -> !late > 0);
  Alcotest.(check int) "in the next one" 2 !late

(* A number is reused for another file before its event is handled. *)
let reused_during_an_iteration engine =
  with_pipe @@ fun r w ->
  with_pipe @@ fun r' w' ->
  put w;
  put w';
  let empty, e = Unix.pipe ~cloexec:true () in
  let ran = ref 0 in
  let events = ref [] in
  let replace other event =
    incr ran;
    List.iter Lwt_engine.stop_event (event :: !events);
    Unix.dup2 ~cloexec:true empty other;
    ignore (engine#on_readable other (fun _ -> check "nothing to read" false))
  in
  let first = engine#on_readable r (replace r') in
  let second = engine#on_readable r' (replace r) in
  events := [ first; second ];
  until engine (fun () -> !ran > 0);
  engine#iter false;
  Alcotest.(check int) "only the first callback ran" 1 !ran;
  Unix.close empty;
  Unix.close e

let callback_that_raises engine =
  with_pipe @@ fun r w ->
  with_pipe @@ fun r' w' ->
  put w;
  put w';
  let ran = ref 0 in
  let raise_once event =
    Lwt_engine.stop_event event;
    incr ran;
    raise Exit
  in
  ignore (engine#on_readable r raise_once);
  ignore (engine#on_readable r' raise_once);
  ignore (engine#on_timer 0. false raise_once);
  let raised = ref 0 in
  while !ran < 3 do
    try engine#iter true with Exit -> incr raised
  done;
  Alcotest.(check int) "one exception per iteration" 3 !raised

let nested_iteration engine =
  with_pipe @@ fun r w ->
  with_pipe @@ fun r' w' ->
  put w;
  put w';
  let depth = ref 0 and deepest = ref 0 and ran = ref 0 in
  let nested fd _ =
    check "there is something to read" (Unix.select [ fd ] [] [] 0. <> ([], [], []));
    take fd;
    incr depth;
    deepest := max !depth !deepest;
    engine#iter false;
    decr depth;
    incr ran
  in
  ignore (engine#on_readable r (nested r));
  ignore (engine#on_readable r' (nested r'));
  until engine (fun () -> !ran = 2);
  engine#iter false;
  Alcotest.(check int) "one inside the other" 2 !deepest

let () =
  Alcotest.run "dlwt engine: descriptors"
    [
      ( "descriptors",
        [
          plain "1100" (many 1100);
          plain "20,000" (many 19_800);
          plain "1500 in each domain" many_in_lwt;
          case "a regular file" regular_file;
          case "a reused number" number_reused;
          case "a reused number of a regular file" number_of_a_regular_file_reused;
          case "stopped, then the number is reused" stopped_and_number_reused;
          case "closed, but open under another number" closed_but_open_elsewhere;
          case "closed before it is registered" closed_before;
          case "closed, and registered again and again" closed_again_and_again;
          case "stopped before the loop waits" stopped_before_it_waits;
          case "ready after it was stopped" ready_after_it_was_stopped;
          case "several registrations" several_waiters;
          case "one of two directions stopped" one_direction_is_left;
        ] );
      ( "during an iteration",
        [
          case "stopped by another callback" stopped_by_another;
          case "registered" registered_during_an_iteration;
          case "a reused number" reused_during_an_iteration;
          case "a callback that raises" callback_that_raises;
          case "a nested iteration" nested_iteration;
        ] );
    ]
