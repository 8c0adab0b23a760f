(* The engine that a domain starts with: descriptors, timers, and all that can happen to
   them while the loop waits. *)

open Lwt.Infix
open Support

let with_engine f () =
  let before = descriptors () in
  let engine : Lwt_engine.t = new Lwt_engine.dlwt_epoll in
  Fun.protect ~finally:(fun () -> engine#destroy) (fun () -> f engine);
  Alcotest.(check int) "descriptors" before (descriptors ())

let until (engine : Lwt_engine.t) condition =
  while not (condition ()) do
    engine#iter true
  done

let with_pipe f =
  let r, w = Unix.pipe ~cloexec:true () in
  let close fd = try Unix.close fd with Unix.Unix_error (EBADF, _, _) -> () in
  Fun.protect
    ~finally:(fun () ->
      close r;
      close w)
    (fun () -> f r w)

let put fd = ignore (Unix.write_substring fd "x" 0 1)
let take fd = ignore (Unix.read fd (Bytes.create 1) 0 1)
let count n _ = incr n

(* The iterations until a moment has passed: more than a few mean that the loop did not
   sleep. *)
let iterations (engine : Lwt_engine.t) =
  let passed = ref false and n = ref 0 in
  ignore
    (engine#on_timer 0.02 false (fun event ->
         Lwt_engine.stop_event event;
         passed := true));
  until engine (fun () ->
      incr n;
      !passed);
  !n

let check_asleep engine = check "the loop sleeps" (iterations engine < 6)

(* ------------------------------------------------------------- descriptors *)

external most_descriptors : unit -> int = "dlwt_test_most_descriptors"

let most = most_descriptors ()

(* [n] descriptors of one pipe, if so many may be open. *)
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
          Alcotest.(check int) "none is ready" 0 !ran;
          put w;
          until engine (fun () -> !ran = n);
          engine#iter false;
          Alcotest.(check int) "each once" n !ran)
        ())

(* Each domain with more than [select] can do. *)
let many_in_lwt () =
  let wait_for_all many w =
    let wait fd = Lwt_unix.wait_read (Lwt_unix.of_unix_file_descr ~blocking:false fd) in
    let all = Lwt.join (List.map wait many) in
    Lwt_main.run
      ( Lwt.pause () >>= fun () ->
        check "nobody before" (Lwt.is_sleeping all);
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

(* Closes the number, if it is open, and gives it to another pipe. *)
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
      (* its stop does not stop the other *)
      Lwt_engine.stop_event event;
      put w';
      until engine (fun () -> !young = 2);
      Lwt_engine.stop_event event');
  ignore w

(* As [Lwt_unix] does between two waits: a pipe, another, a regular file, a pipe. *)
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

(* The kernel goes on reporting it: it is open under another number. *)
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
      Alcotest.(check int) "not the other's" 0 !ran;
      put w'';
      until engine (fun () -> !ran = 1);
      Lwt_engine.stop_event event);
  check_asleep engine;
  Unix.close other

(* Who uses it will be told. *)
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
  Alcotest.(check int) "not for the next file" 1 !ran;
  Lwt_engine.stop_event event

let stopped_before_it_waits engine =
  with_pipe @@ fun r w ->
  put w;
  Lwt_engine.stop_event (engine#on_readable r (fun _ -> check "stopped" false));
  check_asleep engine

(* Nobody waits any more: the kernel reports it once. *)
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

(* Ready for what nobody waits for: no reason to wake up for ever. *)
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

(* ------------------------------------------------- changes during a round *)

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
  (* timers come first *)
  let event = engine#on_readable r (fun _ -> check "stopped by the timer" false) in
  let timer = engine#on_timer 1000. false (fun _ -> check "stopped too" false) in
  ignore
    (engine#on_timer 0. false (fun self ->
         List.iter Lwt_engine.stop_event [ event; timer; self ];
         incr ran));
  until engine (fun () -> !ran = 2);
  engine#iter false;
  Alcotest.(check int) "no timers" 0 engine#timer_count

let registered_during_a_round engine =
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
  Alcotest.(check int) "not in the same round" 0 !late;
  until engine (fun () -> !late > 0);
  Alcotest.(check int) "in the next one" 2 !late

(* A number that gets another file while its event is still to be handled. *)
let reused_during_a_round engine =
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
  Alcotest.(check int) "one replaces the other" 1 !ran;
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
  Alcotest.(check int) "each comes out of its own round" 3 !raised

let iteration_within engine =
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

(* A loop has no reason to block, and another thread of its domain wants to run: it has its
   turns by the loop's iterations, not only by the clock, which is twenty a second. *)
let busy_loop_and_threads () =
  let turns = ref 0 and over = ref false in
  let take_turns () =
    while not !over do
      incr turns;
      Thread.yield ()
    done
  in
  let thread = Thread.create take_turns () in
  eventually (fun () -> !turns > 0);
  let before = !turns in
  let rec pause n =
    if n = 0 then Lwt.return_unit else Lwt.pause () >>= fun () -> pause (n - 1)
  in
  Lwt_main.run (pause 1600);
  over := true;
  Thread.join thread;
  check "a turn every now and then" (!turns - before > 50)

(* ------------------------------------------------------------------ timers *)

let timer_that_stops_itself engine =
  let once = ref 0 and thrice = ref 0 in
  let stop_after n runs event =
    incr runs;
    if !runs = n then Lwt_engine.stop_event event
  in
  ignore (engine#on_timer 0. true (stop_after 1 once));
  ignore (engine#on_timer 0.0001 true (stop_after 3 thrice));
  until engine (fun () -> !thrice = 3);
  check_asleep engine;
  Alcotest.(check (list int)) "as often as they wanted" [ 1; 3 ] [ !once; !thrice ];
  Alcotest.(check int) "none is left" 0 engine#timer_count

(* It does not keep the loop from anything else. *)
let timer_of_zero engine =
  with_pipe @@ fun r w ->
  put w;
  let zero = ref 0 and repeated = ref 0 and read = ref 0 in
  let rec again event =
    Lwt_engine.stop_event event;
    incr zero;
    ignore (engine#on_timer 0. false again)
  in
  ignore (engine#on_timer 0. false again);
  ignore (engine#on_timer (-1.) true (count repeated));
  ignore (engine#on_readable r (count read));
  for i = 1 to 20 do
    engine#iter true;
    Alcotest.(check (list int))
      "each once in a round" [ i; i; i ] [ !zero; !repeated; !read ]
  done

let strange_delays engine =
  let never _ = check "never" false in
  let ran = ref false in
  let events =
    List.map
      (fun delay -> engine#on_timer delay false never)
      [ infinity; max_float; 1e300; 1e9; 1e8 ]
  in
  ignore (engine#on_timer nan false (fun _ -> ran := true));
  ignore (engine#on_timer neg_infinity false (fun _ -> ran := true));
  until engine (fun () -> !ran);
  check_asleep engine;
  List.iter Lwt_engine.stop_event events

(* A timer that is due before another for certain runs before it. *)
let thousands_of_timers engine =
  let random = Random.State.make [| 7 |] in
  let left = ref 0 and latest = ref 0. in
  let start _ =
    let delay = Random.State.float random 0.05 in
    let at_least = Unix.gettimeofday () +. delay in
    let at_most = ref infinity in
    incr left;
    let event =
      engine#on_timer delay false (fun event ->
          Lwt_engine.stop_event event;
          decr left;
          check "in order" (!at_most >= !latest);
          latest := max !latest at_least)
    in
    (* what the clocks may differ by *)
    at_most := Unix.gettimeofday () +. delay +. 0.001;
    event
  in
  let events = Array.init 5000 start in
  Array.iteri
    (fun i event ->
      if i mod 3 = 0 then (
        Lwt_engine.stop_event event;
        decr left))
    events;
  until engine (fun () -> !left = 0);
  Alcotest.(check int) "none is left" 0 engine#timer_count

let same_moment engine =
  let ran = ref [] in
  for i = 1 to 1000 do
    ignore (engine#on_timer 0.001 false (fun _ -> ran := i :: !ran))
  done;
  until engine (fun () -> List.length !ran = 1000);
  check "as they were started" (List.rev !ran = List.init 1000 succ);
  ran := [];
  for i = 1 to 100 do
    ignore (engine#on_timer 0. true (fun _ -> ran := i :: !ran))
  done;
  engine#iter true;
  engine#iter true;
  let each = List.init 100 succ in
  check "when they repeat, too" (List.rev !ran = each @ each)

(* A timeout that was not needed keeps nothing alive. *)
let stopped_timer_is_collected engine =
  let collected = ref false in
  let start () =
    let big = Bytes.create 1000 in
    Gc.finalise (fun _ -> collected := true) big;
    engine#on_timer 1000. false (fun _ -> ignore (Sys.opaque_identity big))
  in
  let others = List.init 10 (fun i -> engine#on_timer (float i +. 500.) false ignore) in
  Lwt_engine.stop_event (start ());
  List.iter Lwt_engine.stop_event others;
  engine#iter false;
  eventually (fun () ->
      Gc.full_major ();
      !collected)

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
      (* one may still be under way *)
      Sys.set_signal Sys.sigalrm Signal_ignore)
    f

(* One that comes just before the wait does not end it; there will be others. *)
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
  | () -> check "it came out" false);
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
      | () -> check "an engine that has been destroyed" false
      | exception Unix.Unix_error (EBADF, _, _) -> ());
  Alcotest.(check int) "descriptors" before (descriptors ())

let domains_come_and_go () =
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
  Alcotest.(check (list int)) "nothing here" [ 0; 0 ] [ !read; !timed ];
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

(* The kernel's set is shared by a forked child; what either does is not. Before the first
   domain is spawned. *)
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
      check "the child's events" (status = WEXITED 0);
      until engine (fun () -> !read > 0 && !other > 0)

let parent_stops engine =
  with_pipe @@ fun r w ->
  with_pipe @@ fun told tell ->
  let read = ref 0 in
  let event = engine#on_readable r (count read) in
  engine#iter false;
  match Unix.fork () with
  | 0 ->
      ignore (Unix.read told (Bytes.create 1) 0 1 : int);
      engine#iter false;
      Unix._exit (if !read = 1 then 0 else 1)
  | child ->
      Lwt_engine.stop_event event;
      put w;
      (* It takes the descriptor out of the kernel's set. *)
      engine#iter false;
      put tell;
      let _, status = Unix.waitpid [] child in
      check "the child's event" (status = WEXITED 0)

let child_renews engine =
  let here, there = Unix.(socketpair ~cloexec:true PF_UNIX SOCK_STREAM 0) in
  Fun.protect ~finally:(fun () -> List.iter Unix.close [ here; there ]) @@ fun () ->
  with_pipe @@ fun told tell ->
  let read = ref 0 and written = ref 0 in
  ignore (engine#on_readable here (count read));
  engine#iter false;
  match Unix.fork () with
  | 0 ->
      ignore (Unix.read told (Bytes.create 1) 0 1 : int);
      engine#iter false;
      Unix._exit 0
  | child ->
      ignore (engine#on_writable here (count written));
      engine#iter false;
      put tell;
      ignore (Unix.waitpid [] child);
      let before = !written in
      engine#iter false;
      check "the parent's event" (!written > before)

let chosen_engines () =
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

let plain name f = Alcotest.test_case name `Quick f
let case name f = plain name (with_engine f)

let () =
  Alcotest.run "dlwt engine"
    [
      ( "fork",
        [
          case "a set of its own" fork;
          case "a parent that stops what its child waits for" parent_stops;
          case "a parent that waits for more than its child" child_renews;
        ] );
      ( "descriptors",
        [
          plain "1100" (many 1100);
          plain "20,000" (many 19_800);
          plain "1500 in each domain" many_in_lwt;
          case "a regular file" regular_file;
          case "a number used again" number_reused;
          case "a regular file's, used again" number_of_a_regular_file_reused;
          case "stopped, and the number used again" stopped_and_number_reused;
          case "closed, but open elsewhere" closed_but_open_elsewhere;
          case "closed before" closed_before;
          case "stopped before it waits" stopped_before_it_waits;
          case "ready after it was stopped" ready_after_it_was_stopped;
          case "several waiters" several_waiters;
          case "one direction is left" one_direction_is_left;
        ] );
      ( "during a round",
        [
          case "stopped by another" stopped_by_another;
          case "registered" registered_during_a_round;
          case "a number used again" reused_during_a_round;
          case "a callback that raises" callback_that_raises;
          case "an iteration within" iteration_within;
          plain "a loop that never blocks, and threads" busy_loop_and_threads;
        ] );
      ( "timers",
        [
          case "one that stops itself" timer_that_stops_itself;
          case "of no time" timer_of_zero;
          case "strange delays" strange_delays;
          case "thousands, in order" thousands_of_timers;
          case "the same moment" same_moment;
          case "a stopped one is collected" stopped_timer_is_collected;
        ] );
      ( "signals",
        [
          case "one ends the wait" signal_ends_the_wait;
          case "a handler that raises" handler_that_raises;
        ] );
      ( "engines",
        [
          plain "destroyed with registrations" destroyed_with_registrations;
          plain "domains come and go" domains_come_and_go;
          case "transfer" transfer;
          case "fake_io" fake_io;
          plain "others can be chosen" chosen_engines;
        ] );
    ]
