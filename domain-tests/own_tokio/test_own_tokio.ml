(* Domains that have a tokio runtime of their own. That the rest works on them, too, is shown by `functions` and
   `handles`, which run in both modes. *)

open Lwt.Syntax
open Lwt_interop

let own f =
  own_tokio ();
  f ()

(* On a new domain. *)
let test name body =
  Everywhere.plain name (fun () -> Everywhere.on_domain (fun () -> own body))

let check_bool = Alcotest.(check bool)
let check_int = Alcotest.(check int)
let check_string = Alcotest.(check string)

(* ---- which runtime *)

let shared_is_the_default () =
  Everywhere.on_domain (fun () ->
      check_bool "shared" false (Rust.reactor_is_own ());
      own_tokio ();
      check_bool "own" true (Rust.reactor_is_own ());
      own_tokio ();
      check_bool "own twice" true (Rust.reactor_is_own ());
      let+ stays = Rust.reactor_stays () in
      check_bool "after a poll" true stays)

let pools () =
  let is_own pool =
    Pool.spawn_on pool 0 (fun () -> Lwt.return (Rust.reactor_is_own ()))
  in
  Lwt_main.run
    (let shared = Pool.create ~domains:1 () in
     let own = Pool.create ~domains:1 ~tokio:`Own () in
     let* s = is_own shared in
     let* o = is_own own in
     check_bool "shared" false s;
     check_bool "own" true o;
     let* () = Pool.replace own 0 (fun _ -> Lwt.return_unit) in
     let* o = is_own own in
     check_bool "replaced" true o;
     let* () = Pool.shutdown shared in
     Pool.shutdown own)

let run () =
  Everywhere.on_domain (fun () -> Lwt.return_unit);
  let here, there =
    Domain.join
      (Domain.spawn (fun () ->
           Lwt_interop.run ~domains:1 ~tokio:`Own (fun () ->
               let+ there =
                 Pool.spawn (Pool.default ()) (fun () ->
                     Lwt.return (Rust.reactor_is_own ()))
               in
               (Rust.reactor_is_own (), there))))
  in
  check_bool "the calling domain" true here;
  check_bool "the pool's" true there

(* ---- what tokio offers *)

let echo () =
  let* answered = Rust.reactor_echo 300 in
  check_int "answered" 300 answered;
  let+ answered = Rust.reactor_spawned_echo 300 in
  check_int "answered by tasks of tokio's" 300 answered

let many_echos () =
  let+ all = Lwt.all (List.init 50 (fun _ -> Rust.reactor_spawned_echo 50)) in
  check_int "answered" 2500 (List.fold_left ( + ) 0 all)

let spawned () =
  let+ same_thread, refused = Rust.reactor_spawned_where () in
  check_bool "on the domain's thread" true same_thread;
  check_bool ("without a token: " ^ refused) true (refused <> "")

let local_set () =
  let+ sum = Rust.reactor_local_set 100 in
  check_int "sum" 5050 sum

let files () =
  let path = Filename.temp_file "own" "tokio" in
  let+ text = Rust.reactor_file path "text" in
  check_string "text" "text" text

let processes () =
  let* text = Rust.reactor_process "echo from a child" in
  check_string "text" "from a child\n" text;
  (* Lwt's own beside. *)
  let+ text = Lwt_process.pread ("", [| "/bin/sh"; "-c"; "echo from another" |]) in
  check_string "text" "from another\n" text

let signals () = Rust.reactor_signal ()

(* ---- the loop *)

(* Lwt's timers, pauses and descriptors go on while Rust waits in tokio, and the other way round. *)
let lwt_beside_tokio () =
  let sleeping = Rust.reactor_sleep 3600. in
  let* () = Lwt_unix.sleep 0.005 in
  let* () = Lwt.pause () in
  let input, output = Lwt_unix.pipe () in
  let writing =
    let* () = Lwt_unix.sleep 0.002 in
    Lwt_unix.write_string output "x" 0 1
  in
  let buffer = Bytes.create 1 in
  let* n = Lwt_unix.read input buffer 0 1 in
  check_int "read" 1 n;
  let* _ = writing in
  (* A descriptor that stays ready, of which only a part is read each time. *)
  let* _ = Lwt_unix.write_string output (String.make 100 'y') 0 100 in
  let rec read_all n =
    if n = 0 then Lwt.return_unit
    else
      let* () = Lwt_unix.wait_read input in
      let* read = Lwt_unix.read input buffer 0 1 in
      read_all (n - read)
  in
  let* () = read_all 100 in
  let* () = Lwt_unix.close input in
  let* () = Lwt_unix.close output in
  let* () = Rust.reactor_sleep 0.005 in
  Lwt.cancel sleeping;
  Lwt.catch
    (fun () -> sleeping)
    (function Lwt.Canceled -> Lwt.return_unit | e -> Lwt.fail e)

(* A loop that is never idle serves tokio as well. *)
let a_busy_loop () =
  let stop = ref false in
  let rec spin () =
    let* () = Lwt.pause () in
    if !stop then Lwt.return_unit else spin ()
  in
  let spinning = spin () in
  let* answered = Rust.reactor_echo 20 in
  check_int "answered" 20 answered;
  let* () = Rust.reactor_sleep 0.001 in
  stop := true;
  spinning

(* A task that is always ready keeps neither the loop nor timers from running. *)
let a_busy_task () =
  let busy = Rust.reactor_beside_busy_task 0.05 in
  let rec turns n =
    if n = 0 then Lwt.return_unit
    else Lwt.bind (Lwt_unix.sleep 0.001) (fun () -> turns (n - 1))
  in
  let* () = turns 10 in
  let+ aborted = busy in
  check_int "aborted" 1 aborted

(* A message from another domain wakes a loop that sleeps in tokio. *)
let woken_by_others () =
  Everywhere.on_domain (fun () ->
      own_tokio ();
      let here = Handle.current () in
      let* () = Rust.reactor_sleep 0. in
      let pinging =
        Domain.spawn (fun () ->
            Lwt_main.run
              (let rec go n =
                 if n = 0 then Lwt.return_unit
                 else
                   let* m = Handle.spawn here (fun () -> Lwt.return n) in
                   check_int "reply" n m;
                   go (n - 1)
               in
               go 2000))
      in
      (* The domain's own call is pending meanwhile. *)
      let key = Everywhere.tag () in
      let reading = Rust.reactor_read key in
      let* () = Lwt_preemptive.detach Domain.join pinging in
      let* written = Rust.reactor_write key 7 in
      check_bool "written" true written;
      let+ byte = reading in
      check_int "byte" 7 byte)

(* The thread that sleeps in tokio gets the signal, and nothing else wakes it. *)
let interrupted ?(times = 10) ?(after = 0.003) () =
  let on_signal = ref ignore in
  let old = Sys.signal Sys.sigusr1 (Signal_handle (fun _ -> !on_signal ())) in
  let rec repeat n =
    if n = 0 then Lwt.return_unit
    else
      let received, resolver = Lwt.wait () in
      on_signal := Lwt.wakeup_later resolver;
      let* () = Lwt.pick [ Rust.reactor_interrupt after; received ] in
      repeat (n - 1)
  in
  let+ () = repeat times in
  Sys.set_signal Sys.sigusr1 old

let signal_handlers () = interrupted ()

(* tokio's driver never sleeps. *)
let signal_handlers_beside_a_busy_task () =
  let busy = Rust.reactor_beside_busy_task 3600. in
  let+ () = interrupted () in
  Lwt.cancel busy

(* When the wait begins, the task sleeps, and so does the driver, for less and for more than the time after which the
   loop looks for signals. *)
let signal_handlers_beside_a_task_that_becomes_busy () =
  Lwt_list.iter_s
    (fun delay ->
      let busy = Rust.reactor_beside_later_busy_task delay in
      let+ () = interrupted ~times:1 ~after:(delay +. 0.2) () in
      Lwt.cancel busy)
    [ 0.; 0.02; 0.05; 0.2 ]

(* The number of voluntary context switches of the calling thread. *)
let sleeps () =
  In_channel.with_open_text "/proc/thread-self/status" @@ fun status ->
  let rec find () =
    let line = Option.get (In_channel.input_line status) in
    try Scanf.sscanf line "voluntary_ctxt_switches: %d" Fun.id
    with Scanf.Scan_failure _ | End_of_file -> find ()
  in
  find ()

(* Looking for signals does not wake it. *)
let tasks_that_wait () =
  let waiting = List.init 3 (fun _ -> Rust.reactor_beside_later_busy_task 3600.) in
  let* () = Rust.reactor_sleep 0.2 in
  let before = sleeps () in
  let+ () = Rust.reactor_sleep 1.5 in
  let slept = sleeps () - before in
  if slept > 15 then Alcotest.failf "the thread has slept %d times" slept;
  List.iter Lwt.cancel waiting

(* The signal is for another thread, which does not handle it. *)
let a_blocked_signal () =
  let old = Sys.signal Sys.sigusr2 (Signal_handle ignore) in
  let mask = Thread.sigmask SIG_BLOCK [ Sys.sigusr2 ] in
  Unix.kill (Unix.getpid ()) Sys.sigusr2;
  let* answered = Rust.reactor_echo 20 in
  check_int "answered" 20 answered;
  let* answered = Rust.reactor_spawned_echo 20 in
  check_int "answered by tasks" 20 answered;
  ignore (Thread.sigmask SIG_SETMASK mask : int list);
  let+ () = Lwt.pause () in
  Sys.set_signal Sys.sigusr2 old

(* OCaml code that Rust has called runs a loop. *)
let a_loop_within_a_stub () =
  Domain.join
    (Domain.spawn (fun () ->
         own_tokio ();
         Lwt_main.run (Rust.reactor_sleep 0.001);
         Rust.reactor_calls (fun () ->
             let answered = Lwt_main.run (Rust.reactor_echo 10) in
             check_int "answered" 10 answered);
         check_int "afterwards" 10 (Lwt_main.run (Rust.reactor_echo 10))))

(* ---- the end *)

let descriptors () = Array.length (Sys.readdir "/proc/self/fd")

let many_domains () =
  let one () =
    Everywhere.on_domain (fun () ->
        own_tokio ();
        let* () = Rust.reactor_sleep 0.0001 in
        let+ answered = Rust.reactor_echo 1 in
        check_int "answered" 1 answered)
  in
  one ();
  let before = descriptors () in
  for
    _ = 1 to Everywhere.scaled ~scale:(if Expect.under_sanitizer then 100 else 1) 2000
  do
    one ()
  done;
  (* The last thread closes its own a moment after it was joined. *)
  Lwt_main.run (Expect.eventually (fun () -> descriptors () <= before))

let tasks_are_dropped () =
  let tag = Everywhere.tag () in
  Everywhere.on_domain (fun () ->
      own_tokio ();
      Rust.reactor_leave_behind tag 1000 0.);
  check_int "dropped" 1001 (Rust.reactor_dropped tag)

let blocking_tasks_are_not_awaited () =
  let tag = Everywhere.tag () in
  (* An hour: if the domain waited, the watchdog would end the test. *)
  Everywhere.on_domain (fun () ->
      own_tokio ();
      Rust.reactor_leave_behind tag 1 3600.);
  check_int "dropped" 2 (Rust.reactor_dropped tag)

let calls_of_a_domain_that_ends () =
  let call = ref Lwt.return_unit in
  Everywhere.on_domain (fun () ->
      own_tokio ();
      call := Rust.reactor_sleep 3600.;
      Lwt.return_unit);
  match Lwt.state !call with
  | Fail (Domain_terminated _) -> ()
  | _ -> Alcotest.fail "the call was not rejected"

(* ---- errors *)

let failure f =
  match f () with
  | () -> Alcotest.fail "it was accepted"
  | exception Failure why ->
      check_bool why true (String.starts_with ~prefix:"Lwt_interop: domain " why)

(* After the error, others still wake the loop. *)
let another_engine () =
  let set destroy = Lwt_engine.set ~destroy (new Lwt_engine.select) in
  let before () =
    set true;
    failure own_tokio
  in
  let afterwards destroy () =
    Lwt_main.run
      (own_tokio ();
       Rust.reactor_sleep 0.001);
    set destroy;
    failure (fun () -> Lwt_main.run (Lwt_unix.sleep 0.001));
    Lwt_main.run (Rust.my_async_func ());
    check_string "woken" "text" (Lwt_main.run (Rust.ready_tokio "text"))
  in
  List.iter
    (fun body -> Domain.join (Domain.spawn body))
    [ before; afterwards true; afterwards false ]

let a_wrong_thread () =
  Everywhere.on_domain (fun () ->
      let* refused =
        Lwt_preemptive.detach
          (fun () ->
            match own_tokio () with () -> false | exception Wrong_thread _ -> true)
          ()
      in
      check_bool "refused" true refused;
      Lwt.return_unit)

(* The loop goes on, and others wake it. *)
let a_waker_that_panics () =
  Everywhere.on_domain (fun () ->
      own_tokio ();
      let* () = Rust.reactor_panicking_waker () in
      let here = Handle.current () and woken, resolver = Lwt.wait () in
      let waking =
        Domain.spawn (fun () ->
            Unix.sleepf 0.05;
            ignore (Handle.post here (Lwt.wakeup_later resolver) : bool))
      in
      let* () = woken in
      Domain.join waking;
      let+ n = Any_value.hold 7 3 in
      check_int "a call" 7 n)

let waiting_for_itself () =
  let+ refused = Rust.reactor_waits_for_itself () in
  check_bool refused true (refused <> "")

(* ---- collections *)

(* A domain that allocates is not held up by one that sleeps in tokio, or whose tasks of tokio's compute: it would never
   finish. *)
let collections_go_on () =
  let finished = Atomic.make false in
  let sleeper =
    Domain.spawn (fun () ->
        Lwt_main.run
          (own_tokio ();
           let rec wait () =
             let* () = Rust.reactor_sleep 3600. in
             wait ()
           in
           let* () =
             Lwt.pick
               [
                 wait ();
                 (let rec poll () =
                    if Atomic.get finished then Lwt.return_unit
                    else
                      let* () = Lwt_unix.sleep 0.02 in
                      poll ()
                  in
                  poll ());
               ]
           in
           Lwt.return_unit))
  in
  for _ = 1 to 50 do
    Gc.full_major ()
  done;
  Atomic.set finished true;
  Domain.join sleeper

let () =
  let plain = Everywhere.plain in
  Alcotest.run "own_tokio"
    [
      ( "runtimes",
        [
          plain "shared is the default" shared_is_the_default;
          plain "pools" pools;
          plain "run" run;
        ] );
      ( "what tokio offers",
        [
          test "connections" echo;
          test "many connections" many_echos;
          test "tasks of tokio's" spawned;
          test "a LocalSet" local_set;
          test "files" files;
          test "processes" processes;
          test "signals" signals;
        ] );
      ( "the loop",
        [
          test "Lwt's timers and descriptors" lwt_beside_tokio;
          test "a busy loop" a_busy_loop;
          test "a busy task" a_busy_task;
          plain "messages" woken_by_others;
          test "OCaml's signal handlers" signal_handlers;
          test "OCaml's signal handlers beside a busy task"
            signal_handlers_beside_a_busy_task;
          test "OCaml's signal handlers beside a task that becomes busy"
            signal_handlers_beside_a_task_that_becomes_busy;
          test "tasks that wait" tasks_that_wait;
          test "a signal that the loop's thread blocks" a_blocked_signal;
          plain "a loop within a stub" a_loop_within_a_stub;
          plain "collections go on" collections_go_on;
        ] );
      ( "the end",
        [
          plain "tasks are dropped" tasks_are_dropped;
          plain "blocking tasks are not awaited" blocking_tasks_are_not_awaited;
          plain "calls are rejected" calls_of_a_domain_that_ends;
          plain "many domains" many_domains;
        ] );
      ( "errors",
        [
          plain "another engine" another_engine;
          plain "a wrong thread" a_wrong_thread;
          plain "a waker that panics" a_waker_that_panics;
          test "a task that waits for its own loop" waiting_for_itself;
        ] );
      ("totals", [ Everywhere.nothing_left () ]);
    ]
