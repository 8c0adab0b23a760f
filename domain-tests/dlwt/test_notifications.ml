(* Notifications between domains and threads, and signals. *)

open Support

(* A queue of values, and a notification that there are some. *)
type 'a channel = { lock : Mutex.t; queue : 'a Queue.t; mutable id : Dlwt_mailbox.id }

let channel receive =
  let c = { lock = Mutex.create (); queue = Queue.create (); id = 0 } in
  let rec drain () =
    match Mutex.protect c.lock (fun () -> Queue.take_opt c.queue) with
    | None -> ()
    | Some v ->
        receive v;
        drain ()
  in
  c.id <- Dlwt_mailbox.make drain;
  c

let send c v =
  Mutex.protect c.lock (fun () -> Queue.add v c.queue);
  Dlwt_mailbox.send c.id

(* Waits until another domain has set the cell. *)
let rec await cell =
  match Atomic.get cell with
  | Some v -> v
  | None ->
      Domain.cpu_relax ();
      await cell

let ping_pong () =
  let rounds = 5000 in
  let left = Atomic.make None and right = Atomic.make None in
  let side mine other ~first () =
    let finished, finish = Lwt.wait () in
    let next = ref 1 in
    let peer = lazy (await other) in
    let c =
      channel (fun v ->
          check "received in order, none lost" (v = !next);
          incr next;
          let last = v = rounds in
          if first then
            if last then Lwt.wakeup_later finish () else send (Lazy.force peer) (v + 1)
          else (
            send (Lazy.force peer) v;
            if last then Lwt.wakeup_later finish ()))
    in
    Atomic.set mine (Some c);
    if first then send (Lazy.force peer) 1;
    Lwt_main.run finished
  in
  let a = Domain.spawn (side left right ~first:true) in
  let b = Domain.spawn (side right left ~first:false) in
  Domain.join a;
  Domain.join b

let many_senders () =
  let per_sender = 3000 in
  let count = ref 0 and sum = ref 0 in
  let finished, finish = Lwt.wait () in
  let c =
    channel (fun v ->
        incr count;
        sum := !sum + v;
        if !count = 4 * per_sender then Lwt.wakeup_later finish ())
  in
  let sender () =
    for i = 1 to per_sender do
      send c i
    done
  in
  let domains = List.init 2 (fun _ -> Domain.spawn sender) in
  let threads = List.init 2 (fun _ -> Thread.create sender ()) in
  Lwt_main.run finished;
  List.iter Domain.join domains;
  List.iter Thread.join threads;
  Alcotest.(check int) "sum" (4 * (per_sender * (per_sender + 1) / 2)) !sum

(* More than a mailbox keeps room for, in order. *)
let burst () =
  let n = 300_000 in
  let last = ref 0 and sent = ref 0 in
  let finished, finish = Lwt.wait () in
  let one number () =
    check "in order" (!last mod 3 = number);
    incr last;
    if !last = 2 * n then Lwt.wakeup finish ()
  in
  let ids = Array.init 3 (fun number -> Dlwt_mailbox.make (one number)) in
  let send () =
    for _ = 1 to n do
      Dlwt_mailbox.send ids.(!sent mod 3);
      incr sent
    done
  in
  send ();
  (* The second half arrives while the first is in hand. *)
  Lwt_main.run (Lwt.pause ());
  send ();
  Lwt_main.run finished;
  Array.iter Dlwt_mailbox.stop ids;
  Alcotest.(check int) "all received" (2 * n) !last

(* Handlers that take 100 us each. In iterations that spend 1 ms on them, the loop makes at
   least ten for 100 of them. Checked with 5: a clock is read after 8 handlers. *)
let slices () =
  let left = ref 100 and iterations = ref 0 in
  let finished, finish = Lwt.wait () in
  let handler () =
    let until = Unix.gettimeofday () +. 0.0001 in
    while Unix.gettimeofday () < until do
      ()
    done;
    decr left;
    if !left = 0 then Lwt.wakeup_later finish ()
  in
  let id = Dlwt_mailbox.make handler in
  let hook = Lwt_main.Enter_iter_hooks.add_last (fun () -> incr iterations) in
  for _ = 1 to 100 do
    Dlwt_mailbox.send id
  done;
  Lwt_main.run finished;
  Lwt_main.Enter_iter_hooks.remove hook;
  Dlwt_mailbox.stop id;
  check (Printf.sprintf "%d iterations" !iterations) (!iterations >= 5)

let terminated_owner_and_reused_slot () =
  let dropped = Dlwt_mailbox.dropped () in
  let wrong = Atomic.make false in
  let id =
    Domain.join
      (Domain.spawn (fun () ->
           let id = Lwt_unix.make_notification (fun () -> Atomic.set wrong true) in
           Lwt_main.run (Lwt.pause ());
           id))
  in
  Lwt_unix.send_notification id;
  (* The next domain gets the same slot, and perhaps the same number in it. *)
  let ready = Atomic.make false in
  let other =
    Domain.spawn (fun () ->
        let id' = Lwt_unix.make_notification (fun () -> Atomic.set wrong true) in
        Atomic.set ready true;
        Lwt_main.run (Lwt_unix.sleep 0.05);
        id')
  in
  eventually (fun () -> Atomic.get ready);
  Lwt_unix.send_notification id;
  Lwt_unix.call_notification id;
  let id' = Domain.join other in
  check "another id" (id <> id');
  check "no handler ran" (not (Atomic.get wrong));
  Alcotest.(check int) "dropped" (dropped + 3) (Dlwt_mailbox.dropped ())

let handler_that_raises () =
  let seen = ref [] in
  let bad = Dlwt_mailbox.make (fun () -> raise Exit) in
  let good = Dlwt_mailbox.make (fun () -> seen := "good" :: !seen) in
  Dlwt_mailbox.send bad;
  Dlwt_mailbox.send good;
  Alcotest.check_raises "the loop raises it" Exit (fun () ->
      Lwt_main.run (Lwt_unix.sleep 0.05));
  Alcotest.(check (list string)) "the next one was not lost" [ "good" ] !seen;
  Dlwt_mailbox.stop bad;
  Dlwt_mailbox.stop good

(* As [exit] does. The notification that the hooks wait for is received together with the one
   that runs them. *)
let handler_that_runs_the_loop () =
  Domain.join
    (Domain.spawn (fun () ->
         let p, w = Lwt.wait () in
         let q, v = Lwt.wait () in
         let first =
           Dlwt_mailbox.make (fun () ->
               Dlwt_rt.run_exit_actions ~up_to:Dlwt_rt.hooks_priority;
               Lwt.wakeup_later v ())
         in
         let second = Dlwt_mailbox.make (fun () -> Lwt.wakeup_later w ()) in
         Lwt_main.at_exit (fun () -> p);
         Dlwt_mailbox.send first;
         Dlwt_mailbox.send second;
         Lwt_main.run q;
         check "the hook ran" (Lwt.state p = Lwt.Return ())))

let once_and_stop_and_set () =
  let count = ref 0 in
  let once = Lwt_unix.make_notification ~once:true (fun () -> incr count) in
  let stopped = Lwt_unix.make_notification (fun () -> count := 100) in
  let changed = Lwt_unix.make_notification (fun () -> count := 200) in
  Lwt_unix.stop_notification stopped;
  Lwt_unix.set_notification changed (fun () -> count := !count + 10);
  List.iter Lwt_unix.send_notification [ once; once; stopped; changed ];
  Lwt_main.run (Lwt_unix.sleep 0.01);
  Lwt_unix.stop_notification changed;
  Alcotest.(check int) "once, never, and the new handler" 11 !count;
  Alcotest.check_raises "set after stop" Not_found (fun () ->
      Lwt_unix.set_notification stopped ignore)

(* ------------------------------------------------------------------- signals *)

(* Returns whether the process catches the signal with that system number. *)
let caught number =
  In_channel.with_open_text "/proc/self/status" In_channel.input_all
  |> String.split_on_char '\n'
  |> List.find_map (fun line -> Scanf.sscanf_opt line "SigCgt: %Lx" Fun.id)
  |> Option.get
  |> fun mask -> Int64.logand mask (Int64.shift_left 1L (number - 1)) <> 0L

let sigusr1 = 10

let every_subscriber () =
  let ready = Atomic.make 0 and seen = Atomic.make 0 in
  let subscribe () =
    let p, w = Lwt.wait () in
    let handler =
      Lwt_unix.on_signal Sys.sigusr1 (fun signum ->
          check "the number" (signum = Sys.sigusr1);
          Atomic.incr seen;
          Lwt.wakeup_later w ())
    in
    Atomic.incr ready;
    Lwt_main.run p;
    Lwt_unix.disable_signal_handler handler
  in
  let domains = List.init 3 (fun _ -> Domain.spawn subscribe) in
  eventually (fun () -> Atomic.get ready = 3);
  Unix.kill (Unix.getpid ()) Sys.sigusr1;
  List.iter Domain.join domains;
  Alcotest.(check int) "each domain received it" 3 (Atomic.get seen);
  Alcotest.(check bool) "not caught after the last subscription" false (caught sigusr1)

let termination_of_a_subscriber () =
  let count = ref 0 in
  let mine = Lwt_unix.on_signal Sys.sigusr1 (fun _ -> incr count) in
  (* Terminates without disabling its handler. *)
  Domain.join
    (Domain.spawn (fun () ->
         ignore (Lwt_unix.on_signal Sys.sigusr1 ignore);
         Lwt_main.run (Lwt.pause ())));
  Alcotest.(check bool) "still caught" true (caught sigusr1);
  Unix.kill (Unix.getpid ()) Sys.sigusr1;
  Lwt_main.run (Lwt_unix.sleep 0.02);
  Lwt_unix.disable_signal_handler mine;
  Alcotest.(check int) "received" 1 !count;
  Alcotest.(check bool) "not caught" false (caught sigusr1);
  Domain.join
    (Domain.spawn (fun () ->
         ignore (Lwt_unix.on_signal Sys.sigusr1 ignore);
         Lwt_main.run (Lwt.pause ())));
  Alcotest.(check bool) "not caught after the domain" false (caught sigusr1)

let sent_at_thread_end () =
  let calls = ref 0 and ended, resolver = Lwt.wait () in
  let count () =
    incr calls;
    if !calls = 2 then Lwt.wakeup_later resolver ()
  in
  let counts = Dlwt_mailbox.make count
  and stopped = Dlwt_mailbox.make (fun () -> assert false) in
  let closed = elsewhere (fun () -> Dlwt_mailbox.make ignore) in
  let dropped = Dlwt_mailbox.dropped () in
  let may_end = Atomic.make false in
  let body () =
    List.iter Dlwt_mailbox.send_at_thread_end [ counts; stopped; closed; counts ];
    eventually (fun () -> Atomic.get may_end)
  in
  ignore (Thread.create body () : Thread.t);
  Lwt_main.run (Lwt_unix.sleep 0.01);
  Alcotest.(check int) "while the thread runs" 0 !calls;
  Dlwt_mailbox.stop stopped;
  Atomic.set may_end true;
  Lwt_main.run ended;
  Lwt_main.run (Lwt.pause ());
  Alcotest.(check int) "once for each time" 2 !calls;
  Alcotest.(check int) "to a closed mailbox" (dropped + 1) (Dlwt_mailbox.dropped ());
  Dlwt_mailbox.stop counts

let case name f = Alcotest.test_case name `Quick f

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  Alcotest.run "dlwt notifications"
    [
      ( "notifications",
        [
          case "ping-pong" ping_pong;
          case "many senders" many_senders;
          case "a burst" burst;
          case "slices of the budget" slices;
          case "slices of the budget, another domain" (fun () -> elsewhere slices);
          case "terminated owner, reused slot" terminated_owner_and_reused_slot;
          case "a handler that raises" handler_that_raises;
          case "a handler that runs the loop" handler_that_runs_the_loop;
          case "once, stop, set" once_and_stop_and_set;
          case "a thread sends when it ends" sent_at_thread_end;
        ] );
      ( "signals",
        [
          case "every subscriber" every_subscriber;
          case "termination of a subscriber" termination_of_a_subscriber;
        ] );
    ]
