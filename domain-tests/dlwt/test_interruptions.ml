(* Exceptions that arrive at any point: signal handlers, finalisers and memory profilers raise them.
   No promise, callback or job is lost, and the next run begins clean. *)

open Lwt.Infix
open Support
open Cases

exception Interrupted

(* The domain whose signal handler raises: -1 for none. *)
let target = Atomic.make (-1)
let interrupts = Atomic.make 0

let signal_in seconds =
  ignore (Unix.setitimer ITIMER_REAL { it_value = seconds; it_interval = 0. })

let handle _ =
  let target = Atomic.get target in
  if target = domain () then (
    Atomic.incr interrupts;
    raise Interrupted)
  else if target >= 0 then signal_in 0.00005

(* Calls [f] again and again until a signal handler raises [Interrupted] in the calling domain,
   once and at a random point. What [f] calls may handle the exception. *)
let interrupted f =
  let before = Atomic.get interrupts in
  (try
     Atomic.set target (domain ());
     signal_in (0.00002 +. Random.float 0.0005);
     while Atomic.get interrupts = before do
       f ()
     done
   with Interrupted -> ());
  Atomic.set target (-1)

(* A step of a task may be interrupted, and the task then fails. All others must end. *)
type tasks = { mutable started : int; mutable unfinished : (string * unit Lwt.t) list }

let start tasks name task =
  let p = try task () with Interrupted -> Lwt.fail Interrupted in
  tasks.started <- tasks.started + 1;
  tasks.unfinished <- (name, p) :: tasks.unfinished

let rec repeat n f =
  if n = 0 then Lwt.return_unit else f () >>= fun () -> repeat (n - 1) f

(* All of these end by themselves. *)
let works =
  let resolve_many resolve () =
    let promises = List.init 20 (fun _ -> Lwt.wait ()) in
    let all = Lwt.join (List.map fst promises) in
    let resolve (p, u) = if Lwt.is_sleeping p then resolve u in
    List.iter (fun pair -> try resolve pair with Interrupted -> resolve pair) promises;
    all
  in
  let wakeup u = Lwt.wakeup u () and wakeup_later u = Lwt.wakeup_later u () in
  [
    ("pauses", fun () -> repeat 20 Lwt.pause);
    ("wakeup", resolve_many wakeup);
    ("wakeup_later", resolve_many wakeup_later);
    ( "wakeup_later in callbacks",
      fun () -> Lwt.pause () >>= fun () -> resolve_many wakeup_later () );
    ( "many callbacks of a promise",
      fun () ->
        let p = Lwt.pause () in
        Lwt.join (List.init 20 (fun _ -> p >>= Lwt.return)) );
    ( "cancel",
      fun () ->
        Lwt.pause () >>= fun () ->
        let never = List.init 20 (fun _ -> fst (Lwt.task ())) in
        let wait p = Lwt.catch (fun () -> p) (fun _ -> Lwt.return_unit) in
        let all = Lwt.join (List.map wait never) in
        let either = Lwt.pick never in
        Lwt.cancel either;
        Lwt.join [ wait either; all ] );
    ("sleep", fun () -> repeat 3 (fun () -> Lwt_unix.sleep 0.));
    ( "notifications",
      fun () ->
        Lwt.join
          (List.init 10 (fun _ ->
               let p, u = Lwt.wait () in
               let id = Dlwt_mailbox.make ~once:true (fun () -> Lwt.wakeup u ()) in
               Dlwt_mailbox.send id;
               p)) );
    ("system calls", fun () -> repeat 3 (fun () -> Lwt_unix.stat "/" >|= ignore));
    ( "descriptors",
      fun () ->
        let input, output = Lwt_unix.pipe ~cloexec:true () in
        let close fd = Unix.close (Lwt_unix.unix_file_descr fd) in
        Lwt.finalize
          (fun () ->
            let read = Lwt_unix.wait_read input in
            ignore (Unix.write_substring (Lwt_unix.unix_file_descr output) "x" 0 1);
            read)
          (fun () ->
            close input;
            close output;
            Lwt.return_unit) );
  ]

(* Nothing of an interrupted run is in the way: callbacks are called at once. *)
let check_clean () =
  let p, u = Lwt.wait () in
  let called = ref false in
  Lwt.on_success p (fun () -> called := true);
  Lwt.wakeup_later u ();
  check "wakeup_later calls the callbacks" !called;
  Lwt_main.run (Lwt.pause ())

let interrupted_runs work () =
  let old = Sys.signal Sys.sigalrm (Signal_handle handle) in
  let tasks = { started = 0; unfinished = [] } in
  let before = Atomic.get interrupts in
  let rounds = 300 in
  let is_pending (_, p) = Lwt.is_sleeping p in
  Dlwt.set_async_exception_hook (Some ignore);
  let round _ =
    interrupted (fun () ->
        start tasks (fst work) (snd work);
        Lwt_main.run (Lwt.pause ()));
    tasks.unfinished <- List.filter is_pending tasks.unfinished;
    check_clean ()
  in
  for i = 1 to rounds do
    round i
  done;
  Sys.set_signal Sys.sigalrm old;
  let until = Unix.gettimeofday () +. patience in
  let pending () = List.filter is_pending tasks.unfinished in
  while pending () <> [] && Unix.gettimeofday () < until do
    Lwt_main.run (Lwt_unix.sleep 0.001)
  done;
  Dlwt.set_async_exception_hook None;
  check "interrupted" (Atomic.get interrupts - before >= rounds);
  let lost = List.length (pending ()) in
  check
    (Printf.sprintf "%s: %d of %d wait for ever" (fst work) lost tasks.started)
    (lost = 0)

(* [f ()], and once more if it is interrupted. *)
let insist f = try f () with Interrupted -> f ()
let settled p = Lwt.catch (fun () -> p) (fun _ -> Lwt.return_unit)
let never () = fst (Lwt.task ())

let with_pipe f =
  let input, output = Lwt_unix.pipe ~cloexec:true () in
  Lwt.finalize
    (fun () -> f input output)
    (fun () ->
      List.iter (fun fd -> Unix.close (Lwt_unix.unix_file_descr fd)) [ input; output ];
      Lwt.return_unit)

(* These end by themselves, too. *)
let more_works =
  let composed p =
    Lwt.
      [
        settled p;
        bind p return;
        map Fun.id p;
        choose [ p; never () ];
        pick [ p; never () ];
        nchoose [ p; never () ] >|= ignore;
        npick [ p; never () ] >|= ignore;
        nchoose_split [ p; never () ] >|= ignore;
        protected p;
        no_cancel p;
        finalize (fun () -> p) pause;
        try_bind (fun () -> p) return fail;
        (try catch (fun () -> p >>= fun () -> raise Exit) (fun _ -> raise Exit)
         with Exit -> return_unit);
        both p p >|= ignore;
        all [ p; p; p ] >|= ignore;
      ]
    |> List.map settled |> Lwt.join
  in
  let resolve u =
    insist (fun () -> try Lwt.wakeup u () with Invalid_argument _ -> ())
  in
  [
    ( "compositions, resolved",
      fun () ->
        let p, u = Lwt.wait () in
        let all = composed p in
        resolve u;
        all );
    ( "compositions, rejected",
      fun () ->
        let p, u = Lwt.wait () in
        let all = composed p in
        insist (fun () -> try Lwt.wakeup_exn u Exit with Invalid_argument _ -> ());
        all );
    ( "compositions, cancelled",
      fun () ->
        let p = never () in
        let all = composed p in
        insist (fun () -> Lwt.cancel p);
        all );
    ( "a keyed task",
      fun () ->
        let called = ref 0 in
        let p, _ = Dlwt.keyed_task ~on_cancel:(fun _ -> incr called) 1 in
        let q = settled (p >>= Lwt.return) in
        insist (fun () -> Lwt.cancel p);
        q >|= fun () -> check "on_cancel once" (!called = 1) );
    ( "watchers",
      fun () ->
        let p, u = Lwt.wait () in
        let called = Array.make 3 0 in
        let watch i =
          let watcher = Dlwt.watcher () in
          insist (fun () -> Dlwt.watch watcher p (fun _ -> called.(i) <- called.(i) + 1));
          watcher
        in
        let watchers = List.init 3 watch in
        insist (fun () -> Dlwt.unwatch (List.hd watchers));
        insist (fun () -> if Lwt.is_sleeping p then Lwt.wakeup u ());
        Lwt.pause () >|= fun () ->
        check "called once, unless removed" (called = [| 0; 1; 1 |]) );
    ( "a chain of proxies",
      fun () ->
        let rec chain n =
          Lwt.pause () >>= fun () -> if n = 0 then Lwt.return_unit else chain (n - 1)
        in
        chain 5 );
    ( "a condition",
      fun () ->
        let c = Lwt_condition.create () in
        let waiting = List.init 3 (fun _ -> Lwt_condition.wait c) in
        insist (fun () -> Lwt_condition.broadcast c ());
        Lwt.join waiting );
    ("a time-out", fun () -> settled (Lwt_unix.with_timeout 0.0001 (fun () -> never ())));
    ( "a read",
      fun () ->
        with_pipe (fun input output ->
            let read = Lwt_unix.read input (Bytes.create 1) 0 1 >|= ignore in
            insist (fun () ->
                ignore (Unix.write_substring (Lwt_unix.unix_file_descr output) "x" 0 1));
            read) );
    ( "an open file",
      fun () -> Lwt_unix.openfile "/dev/null" [ O_RDONLY ] 0 >>= Lwt_unix.close );
    ( "receivers of an inbox",
      fun () ->
        let inbox = Dlwt_inbox.create () in
        let waiting = List.init 3 (fun _ -> Dlwt_inbox.receive inbox) in
        let post () = ignore (Dlwt_inbox.post inbox () : _) in
        for _ = 1 to 3 do
          insist post
        done;
        Lwt.all waiting >|= fun received ->
        check "values" (List.for_all Option.is_some received) );
    ( "senders to an inbox",
      fun () ->
        let inbox = Dlwt_inbox.create ~capacity:1 () in
        let sending = List.init 3 (fun _ -> settled (Dlwt_inbox.send inbox ())) in
        (Dlwt_inbox.receive inbox >|= fun value -> check "a value" (value = Some ()))
        >>= fun () ->
        insist (fun () -> Dlwt_inbox.close inbox);
        Lwt.join sending );
    ( "a domain",
      fun () ->
        Dlwt_domain.spawn (fun () -> Lwt.return 7) >|= fun n -> check "its result" (n = 7)
    );
    ("detach", fun () -> Lwt_preemptive.detach ignore ());
    ( "run_in_main",
      fun () -> Lwt_preemptive.detach (fun () -> Lwt_preemptive.run_in_main Lwt.pause) ()
    );
    ("a process", fun () -> Lwt_process.exec ("", [| "true" |]) >|= ignore);
  ]

(* ---- at each allocation in turn *)

(* [f ()], interrupted at the [n]th allocation of the domain. Returns whether there were so many. *)
let interrupted_at n f =
  let left = ref n and here = domain () in
  (* A domain that it spawns is profiled, too. *)
  let count _ =
    if domain () = here then (
      decr left;
      if !left = 0 then raise Interrupted);
    None
  in
  let tracker =
    { Gc.Memprof.null_tracker with alloc_minor = count; alloc_major = count }
  in
  let result = ref (Ok ()) in
  let profile = Gc.Memprof.start ~sampling_rate:1. ~callstack_size:0 tracker in
  (match f () with
  | () -> ()
  | exception Interrupted -> ()
  | exception exn -> result := Error exn);
  let rec stop () = try Gc.Memprof.stop () with Interrupted -> stop () in
  stop ();
  Gc.Memprof.discard profile;
  Result.iter_error raise !result;
  !left <= 0

let runs_until condition =
  let until = Unix.gettimeofday () +. patience in
  while (not (condition ())) && Unix.gettimeofday () < until do
    Lwt_main.run (Lwt.pause ())
  done;
  condition ()

let with_quiet_hook f =
  Dlwt.set_async_exception_hook (Some ignore);
  Fun.protect f ~finally:(fun () -> Dlwt.set_async_exception_hook None)

(* [round] interrupts something at an allocation, and says whether there are more of them. *)
let sweep round =
  let step = if under_sanitizer then 13 else 1 in
  let rec go n = if round n then go (n + step) else check "some allocations" (n > 1) in
  with_quiet_hook (fun () -> go 1)

let interrupted_everywhere (name, work) () =
  Lwt_main.run (work ());
  sweep (fun n ->
      let p = ref Lwt.return_unit in
      let is_settled () = not (Lwt.is_sleeping !p) in
      let more =
        interrupted_at n (fun () ->
            p := work ();
            ignore (runs_until is_settled : bool))
      in
      check
        (Printf.sprintf "%s: pending after allocation %d" name n)
        (runs_until is_settled);
      (match Lwt.state !p with
      | Fail (Failure text) -> failwith text
      | Fail _ | Return () | Sleep -> ());
      check_clean ();
      more)

(* ---- channels of Lwt_io *)

let interrupted_channel (_, operations) () =
  sweep (fun n ->
      let input, output = Lwt_io.pipe () in
      let more =
        interrupted_at n (fun () -> Lwt_main.run (settled (operations input output)))
      in
      let ended = ref false in
      Lwt.async (fun () ->
          Lwt_io.write_line output "" >>= fun () ->
          Lwt_io.write_line output "end" >>= fun () ->
          Lwt_io.flush output >>= fun () ->
          let rec read () =
            Lwt_io.read_line input >>= function "end" -> Lwt.return_unit | _ -> read ()
          in
          read () >|= fun () -> ended := true);
      check
        (Printf.sprintf "a channel is locked after allocation %d" n)
        (runs_until (fun () -> !ended));
      Lwt_main.run
        (Lwt.join [ settled (Lwt_io.abort input); settled (Lwt_io.abort output) ]);
      more)

let channel_operations =
  let write _ output = Lwt_io.write output "text" >>= fun () -> Lwt_io.flush output in
  [
    ("write", write);
    ( "write and let it be flushed",
      fun _ output -> Lwt_io.write_char output 'x' >>= fun () -> repeat 4 Lwt.pause );
    ( "operations that wait for each other",
      fun input output ->
        Lwt.join
          [
            write input output;
            Lwt_io.atomic
              (fun output -> Lwt.pause () >>= fun () -> write input output)
              output;
            write input output;
          ] );
    ( "read",
      fun input output ->
        let read = Lwt_io.read_char input in
        Lwt_io.write output "x\n" >>= fun () ->
        Lwt_io.flush output >>= fun () -> read >|= ignore );
  ]

(* ---- the end of a domain *)

let interrupted_end () =
  let end_of_domain n =
    let enough = Atomic.make false in
    (try
       elsewhere (fun () ->
           Lwt_main.run (Lwt_unix.sleep 0.);
           ignore (Lwt_unix.stat "/" : Unix.stats Lwt.t);
           (* Threads that wait: for work, and for the loop. The domain does not end before they do. *)
           Lwt_main.run
             (Lwt.join (List.init 3 (fun _ -> Lwt_preemptive.detach Thread.yield ())));
           let ask () =
             try Lwt_preemptive.run_in_main (fun () -> fst (Lwt.wait ())) with _ -> ()
           in
           for _ = 1 to 2 do
             ignore (Thread.create ask () : Thread.t)
           done;
           let left = ref n in
           let count _ =
             decr left;
             if !left = 0 then (
               Atomic.set enough true;
               raise Interrupted);
             None
           in
           ignore
             (Gc.Memprof.start ~sampling_rate:1. ~callstack_size:0
                { Gc.Memprof.null_tracker with alloc_minor = count; alloc_major = count }
               : Gc.Memprof.t))
     with Interrupted -> ());
    Atomic.get enough
  in
  ignore (end_of_domain max_int : bool);
  let before = descriptors () in
  sweep (fun n ->
      let more = end_of_domain n in
      let leaked = descriptors () - before in
      check
        (Printf.sprintf "%d descriptors are left after allocation %d" leaked n)
        (leaked = 0);
      more)

(* ---- again and again *)

(* Ends, also if one of its steps is interrupted and fails. *)
let busy_run () =
  Lwt_main.run (Lwt.join (List.init 10 (fun _ -> settled (repeat 10 Lwt.pause))))

let many_interrupts () =
  let rounds = if under_sanitizer then 200 else 3000 in
  let old = Sys.signal Sys.sigalrm (Signal_handle handle) in
  with_quiet_hook (fun () ->
      for _ = 1 to rounds do
        interrupted busy_run
      done;
      check_clean ();
      busy_run ();
      let works = works @ more_works in
      Lwt_main.run (Lwt.join (List.map (fun (_, work) -> work ()) works)));
  Sys.set_signal Sys.sigalrm old

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  Alcotest.run "dlwt interruptions"
    [
      ("runs that a signal handler interrupts", in_two_domains interrupted_runs works);
      ( "interrupted at each allocation",
        in_two_domains interrupted_everywhere (works @ more_works) );
      ( "a channel is unlocked after an interruption",
        in_two_domains interrupted_channel channel_operations );
      ( "the end of a domain, interrupted at each allocation",
        [ case "descriptors are closed" interrupted_end ] );
      ( "interrupted thousands of times, a run is complete",
        [
          case "the initial domain" many_interrupts;
          case "another domain" (fun () -> elsewhere many_interrupts);
        ] );
    ]
