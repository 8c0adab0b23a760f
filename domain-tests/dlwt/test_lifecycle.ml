(* How a domain starts and terminates with Lwt: which code runs in which order, and that no
   descriptor remains. *)

open Lwt.Infix
open Support

(* Registered before any domain is spawned, as libraries do. *)
let starts = Atomic.make 0
let () = Dlwt_rt.each_domain (fun () -> Atomic.incr starts)
let to_fail = Atomic.make 0

let () =
  Dlwt_rt.each_domain (fun () ->
      if Atomic.get to_fail > 0 then (
        Atomic.decr to_fail;
        raise Exit))

let after_failing = Atomic.make 0
let () = Dlwt_rt.each_domain (fun () -> Atomic.incr after_failing)
let counter = Dlwt_rt.eager_key (fun () -> ref 0)
let lazily = Dlwt_rt.key (fun () -> ref (domain ()))
let setting = Dlwt_rt.inherited (fun () -> ref "default")

let each_domain () =
  let before = Atomic.get starts in
  elsewhere (fun () -> check "not before Lwt_main.run" (Atomic.get starts = before));
  elsewhere (fun () ->
      Lwt_main.run Lwt.return_unit;
      Lwt_main.run Lwt.return_unit;
      check "once" (Atomic.get starts = before + 1));
  elsewhere (fun () ->
      match Dlwt_rt.each_domain ignore with
      | exception Failure text ->
          check text (contains text ~part:(Printf.sprintf "domain %d" (domain ())))
      | () -> check "each_domain raises outside the initial domain" false)

let start_that_fails () =
  let before = Atomic.get starts and after = Atomic.get after_failing in
  Atomic.set to_fail 2;
  elsewhere (fun () ->
      for _ = 1 to 2 do
        match Lwt_main.run Lwt.return_unit with
        | () -> check "the loop does not run" false
        | exception Exit ->
            check "no later function ran" (Atomic.get after_failing = after)
      done;
      Lwt_main.run (Lwt.pause ()));
  Alcotest.(check int) "the function before it ran once" (before + 1) (Atomic.get starts);
  Alcotest.(check int) "and the one after it" (after + 1) (Atomic.get after_failing)

let keys () =
  incr (Dlwt_rt.get_eager counter);
  let mine = !(Dlwt_rt.get_eager counter) in
  Dlwt_rt.get setting := "changed";
  elsewhere (fun () ->
      check "eager: its own" (!(Dlwt_rt.get_eager counter) = 0);
      check "made at first use" (!(Dlwt_rt.get lazily) = domain ());
      check "made once" (Dlwt_rt.get lazily == Dlwt_rt.get lazily);
      check "inherited" (!(Dlwt_rt.get setting) = "changed");
      Dlwt_rt.get setting := "in the child";
      incr (Dlwt_rt.get_eager counter));
  Alcotest.(check int)
    "the initial domain's is unchanged" mine
    !(Dlwt_rt.get_eager counter);
  Alcotest.(check string) "the setting too" "changed" !(Dlwt_rt.get setting)

let eager_key_too_late () =
  elsewhere ignore;
  match Dlwt_rt.eager_key ignore with
  | exception Failure text -> check text (contains text ~part:"before spawning")
  | _ -> Alcotest.fail "accepted after Domain.spawn"

let exit_order () =
  let seen = ref [] in
  let saw what = seen := what :: !seen in
  elsewhere (fun () ->
      Lwt_main.run Lwt.return_unit;
      Dlwt_rt.at_domain_exit ~priority:30 (fun () -> saw "30");
      Dlwt_rt.at_domain_exit ~priority:95 (fun () -> saw "95");
      Dlwt_rt.at_domain_exit ~priority:30 (fun () -> saw "30 again");
      Dlwt_rt.at_domain_exit ~priority:5 (fun () ->
          saw "5";
          Dlwt_rt.at_domain_exit ~priority:7 (fun () -> saw "7"));
      Lwt_main.at_exit (fun () -> Lwt_unix.sleep 0.002 >|= fun () -> saw "hook"));
  Alcotest.(check (list string))
    "lower first, then as registered"
    [ "5"; "7"; "hook"; "30"; "30 again"; "95" ]
    (List.rev !seen)

(* After that the domain cannot be notified: it makes system calls itself, and refuses
   functions that need notifications. *)
let lwt_works_until_80 () =
  let log = ref [] in
  let later priority signal =
    Dlwt_rt.at_domain_exit ~priority (fun () ->
        let saw what = log := Printf.sprintf "%d: %s" priority what :: !log in
        ignore (Lwt_main.run (Lwt_unix.stat "/"));
        saw "system calls";
        match Lwt_unix.on_signal signal ignore with
        | _ -> saw "signals"
        | exception Failure text ->
            check text
              (contains text
                 ~part:(Printf.sprintf "domain %d is terminating" (domain ()))))
  in
  elsewhere (fun () ->
      Lwt_main.run Lwt.return_unit;
      later 79 Sys.sigusr1;
      later 81 Sys.sigusr2);
  Alcotest.(check (list string))
    "as documented"
    [ "79: system calls"; "79: signals"; "81: system calls" ]
    (List.rev !log)

let exit_action_that_raises () =
  let ran = ref false in
  elsewhere (fun () ->
      Dlwt_rt.at_domain_exit ~priority:1 (fun () -> raise Exit);
      Dlwt_rt.at_domain_exit ~priority:2 (fun () -> ran := true));
  Alcotest.(check bool) "the next one ran" true !ran

let hooks_are_separate () =
  let mine = ref 0 and theirs = ref 0 in
  let hook = Lwt_main.Enter_iter_hooks.add_first (fun () -> incr mine) in
  elsewhere (fun () ->
      ignore (Lwt_main.Enter_iter_hooks.add_first (fun () -> incr theirs));
      let before = !mine in
      Lwt_main.run (Lwt_unix.sleep 0.001);
      check "not the other domain's" (!mine = before);
      check "its own" (!theirs > 0));
  let before = !theirs in
  Lwt_main.run (Lwt_unix.sleep 0.001);
  Lwt_main.Enter_iter_hooks.remove hook;
  Alcotest.(check int) "the other domain's is gone" before !theirs;
  Alcotest.(check bool) "mine ran" true (!mine > 0)

(* ------------------------------------------------------ open descriptors *)

let leaves_no_descriptor name body =
  Alcotest.test_case name `Quick (fun () ->
      elsewhere body;
      let before = descriptors () in
      for _ = 1 to 5 do
        elsewhere body
      done;
      Alcotest.(check int) "descriptors" before (descriptors ()))

let nothing_awaited () =
  ignore (Lwt_unix.sleep 1000.);
  ignore (Lwt_unix.getaddrinfo "127.0.0.1" "80" []);
  ignore (Lwt_unix.on_signal Sys.sigusr2 ignore);
  Lwt_main.run (Lwt.pause ())

let busy_worker () =
  let started = Atomic.make false in
  Lwt.async (fun () ->
      Lwt_preemptive.detach
        (fun () ->
          Atomic.set started true;
          Thread.delay 0.03)
        ());
  Lwt_main.run (Lwt.pause ());
  eventually (fun () -> Atomic.get started)

let idle_workers () =
  Lwt_main.run (Lwt.join (List.init 4 (fun _ -> Lwt_preemptive.detach ignore ())))

let only_promises () = ignore (Lwt.bind (fst (Lwt.wait ())) Lwt.return)
let failing_run () = try Lwt_main.run (Lwt.fail Exit) with Exit -> ()

(* The pool works on when a domain terminates before its jobs are done. *)
let abandoned_jobs () =
  let fifo = Filename.temp_file "dlwt" ".fifo" in
  Sys.remove fifo;
  Unix.mkfifo fifo 0o600;
  elsewhere (fun () ->
      (* Opening blocks until the other end is opened. *)
      for _ = 1 to 3 do
        ignore (Lwt_unix.openfile fifo [ Unix.O_RDONLY; Unix.O_CLOEXEC ] 0)
      done;
      Lwt_main.run (Lwt_unix.sleep 0.01));
  let busy () = Lwt_unix.thread_count () - Lwt_unix.thread_waiting_count () in
  Alcotest.(check bool) "three threads wait" true (busy () >= 3);
  let output = Unix.openfile fifo [ Unix.O_WRONLY; Unix.O_CLOEXEC ] 0 in
  eventually (fun () -> busy () = 0);
  Unix.close output;
  Sys.remove fifo;
  Lwt_main.run (Lwt_unix.stat "/" >|= ignore)

(* Otherwise the thread would wait for ever, and the domain for the thread. *)
let thread_that_waits_for_the_loop () =
  let answer = Atomic.make "" in
  let number =
    elsewhere (fun () ->
        let waiting = Atomic.make false in
        let ask () =
          match
            Lwt_preemptive.run_in_main (fun () ->
                Atomic.set waiting true;
                fst (Lwt.wait ()))
          with
          | () -> ()
          | exception Failure text -> Atomic.set answer text
        in
        Lwt.async (Lwt_preemptive.detach ask);
        let rec wait () =
          if Atomic.get waiting then Lwt.return_unit else Lwt_unix.sleep 0.001 >>= wait
        in
        Lwt_main.run (wait ());
        domain ())
  in
  check (Atomic.get answer)
    (contains (Atomic.get answer) ~part:(Printf.sprintf "the loop of domain %d" number))

(* If no thread is available, the caller runs the job. *)
let full_pool () =
  let size = Lwt_unix.pool_size () in
  Lwt_unix.set_pool_size 0;
  let used () = Lwt_main.run (Lwt_list.map_p (fun _ -> Lwt_unix.stat "/") [ 1; 2; 3 ]) in
  let here = used () and there = elsewhere used in
  Lwt_unix.set_pool_size size;
  check "same answers" (here = there);
  Alcotest.(check int) "as before" size (Lwt_unix.pool_size ())

let engines () =
  let mine = Lwt_engine.get () in
  elsewhere (fun () ->
      check "its own" (Lwt_engine.get () != mine);
      Lwt_engine.set (new Lwt_engine.select);
      let set = Lwt_engine.get () in
      Lwt_main.run (Lwt_unix.sleep 0.001 >>= fun () -> Lwt_unix.stat "/" >|= ignore);
      check "the engine that it has set" (Lwt_engine.get () == set);
      elsewhere (fun () -> check "not inherited" (Lwt_engine.get () != set)));
  check "the initial domain's is unchanged" (Lwt_engine.get () == mine)

(* Takes more than a second, the resolution of Lwt_timeout. *)
let timeouts () =
  on_domains 2 (fun () ->
      let p, w = Lwt.wait () in
      let handled = ref None in
      Lwt_timeout.set_exn_handler (fun exn -> handled := Some (exn, domain ()));
      Lwt_timeout.start (Lwt_timeout.create 1 (fun () -> raise Exit));
      let t = Lwt_timeout.create 1 (fun () -> Lwt.wakeup w ()) in
      Lwt_timeout.start t;
      Lwt_timeout.stop t;
      Lwt_timeout.start t;
      p >>= Lwt.pause >|= fun () ->
      check "each has its own handler" (!handled = Some (Exit, domain ())))

(* ---------------------------------------------- exceptions without a promise *)

let own_hook_first () =
  let process = ref [] and mine = ref [] in
  let old = !Lwt.async_exception_hook in
  (Lwt.async_exception_hook := fun exn -> process := exn :: !process);
  let fail () = Lwt.async (fun () -> Lwt.pause () >>= fun () -> Lwt.fail Exit) in
  let run () =
    fail ();
    Lwt_main.run (Lwt_unix.sleep 0.005)
  in
  elsewhere (fun () ->
      Dlwt.set_async_exception_hook (Some (fun exn -> mine := exn :: !mine));
      run ();
      check "its own" (!mine = [ Exit ] && !process = []);
      Dlwt.set_async_exception_hook None;
      check "unset" (Dlwt.async_exception_hook () = None);
      run ();
      check "the process's" (!mine = [ Exit ] && !process = [ Exit ]));
  run ();
  Lwt.async_exception_hook := old;
  Alcotest.(check int) "the process's, here" 2 (List.length !process);
  Alcotest.(check int) "not the other domain's" 1 (List.length !mine)

(* The domain may terminate before the worker has taken the task. *)
let last_task () =
  let ran = Atomic.make 0 in
  for _ = 1 to 20 do
    elsewhere (fun () ->
        Lwt_main.run
          (ignore (Lwt_preemptive.detach (fun () -> Atomic.incr ran) () : unit Lwt.t);
           Lwt.return_unit))
  done;
  Alcotest.(check int) "all ran" 20 (Atomic.get ran)

let case name f = Alcotest.test_case name `Quick f

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  Alcotest.run "dlwt lifecycle"
    [
      ( "start",
        [
          case "each_domain" each_domain;
          case "each_domain with a function that raises" start_that_fails;
          case "keys" keys;
          case "an eager key made too late" eager_key_too_late;
        ] );
      ( "termination",
        [
          case "order" exit_order;
          case "Lwt works up to priority 79" lwt_works_until_80;
          case "an action that raises" exit_action_that_raises;
          case "hooks of the loop" hooks_are_separate;
          case "engines" engines;
          case "a full pool" full_pool;
          case "a thread that waits for the loop" thread_that_waits_for_the_loop;
          case "a task detached just before" last_task;
          case "Lwt_timeout" timeouts;
          case "abandoned jobs" abandoned_jobs;
          case "the hook for exceptions" own_hook_first;
        ] );
      ( "no descriptor remains",
        [
          leaves_no_descriptor "promises only" only_promises;
          leaves_no_descriptor "operations in flight" nothing_awaited;
          leaves_no_descriptor "a busy worker" busy_worker;
          leaves_no_descriptor "idle workers" idle_workers;
          leaves_no_descriptor "a loop that raises" failing_run;
        ] );
    ]
