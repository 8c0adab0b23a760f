(* Lwt_main.run: what ends it, and what an exception that leaves it leaves behind. *)

open Lwt.Infix
open Support

exception Stuck

(* [f ()] in a loop that raises [Stuck] if it sleeps although it should have ended. *)
let not_stuck f =
  let timer = Lwt_engine.on_timer 20. false (fun _ -> raise Stuck) in
  Fun.protect ~finally:(fun () -> Lwt_engine.stop_event timer) f

let in_both_domains f () =
  not_stuck f;
  elsewhere (fun () -> not_stuck f)

(* ------------------------------------------- a hook that resolves the promise *)

let with_hook add remove hook f =
  let hook = add hook in
  Fun.protect ~finally:(fun () -> remove hook) f

let enter = Lwt_main.Enter_iter_hooks.(with_hook add_last remove)
let leave = Lwt_main.Leave_iter_hooks.(with_hook add_last remove)

let ways =
  [
    ( "wakeup",
      fun () ->
        let p, u = Lwt.wait () in
        (p, fun () -> Lwt.wakeup u ()) );
    ( "wakeup_later",
      fun () ->
        let p, u = Lwt.wait () in
        (p, fun () -> Lwt.wakeup_later u ()) );
    ( "bind",
      fun () ->
        let p, u = Lwt.wait () in
        (p >>= Lwt.return >>= Lwt.return, fun () -> Lwt.wakeup_later u ()) );
    ( "reject",
      fun () ->
        let p, u = Lwt.wait () in
        ( Lwt.catch (fun () -> p) (function Exit -> Lwt.return_unit | e -> Lwt.fail e),
          fun () -> Lwt.wakeup_exn u Exit ) );
    ( "cancel",
      fun () ->
        let p, _ = Lwt.task () in
        ( Lwt.catch
            (fun () -> p)
            (function Lwt.Canceled -> Lwt.return_unit | e -> Lwt.fail e),
          fun () -> Lwt.cancel p ) );
    ( "bind that pauses",
      fun () ->
        let p, u = Lwt.wait () in
        (p >>= Lwt.pause, fun () -> Lwt.wakeup u ()) );
  ]

let resolved_by hook make =
  in_both_domains (fun () ->
      for iterations = 0 to 3 do
        let p, resolve = make () in
        let left = ref iterations in
        hook
          (fun () ->
            if !left = 0 then resolve () else ignore (Lwt.pause ());
            decr left)
          (fun () ->
            ignore (Lwt.pause ());
            Lwt_main.run p)
      done)

(* ------------------------------------- exceptions that a signal handler raises *)

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
  let until = Unix.gettimeofday () +. 5. in
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

(* -------------------------------- an effect handler that moves a loop elsewhere *)

type _ Effect.t += Move : unit Effect.t

(* Calls [f] until it performs [Move], and continues in a new domain. Returns what that raises. *)
let moved f =
  let rest = ref None in
  Effect.Deep.match_with f ()
    {
      retc = ignore;
      exnc = raise;
      effc =
        (fun (type a) (e : a Effect.t) ->
          match e with
          | Move ->
              Some
                (fun (k : (a, _) Effect.Deep.continuation) ->
                  rest := Some (fun () -> Effect.Deep.continue k ()))
          | _ -> None);
    };
  match !rest with
  | None -> None
  | Some continue -> (
      try
        elsewhere continue;
        None
      with exn -> Some exn)

let places =
  let never () = fst (Lwt.wait ()) in
  let move () = Effect.perform Move in
  let once f =
    let first = ref true in
    fun () ->
      if !first then (
        first := false;
        f ())
  in
  [
    ( "a callback",
      fun () ->
        Lwt.pause () >>= fun () ->
        move ();
        Lwt.return_unit );
    ( "a callback that waits",
      fun () ->
        Lwt.pause () >>= fun () ->
        move ();
        Lwt_unix.sleep 0.001 );
    ("map", fun () -> Lwt.map move (Lwt.pause ()));
    ( "catch",
      fun () ->
        Lwt.catch
          (fun () -> Lwt.pause () >>= fun () -> Lwt.fail Exit)
          (fun _ ->
            move ();
            Lwt.pause ()) );
    ( "an enter hook",
      fun () ->
        ignore (Lwt_main.Enter_iter_hooks.add_first (once move));
        never () );
    ( "a leave hook",
      fun () ->
        ignore (Lwt_main.Leave_iter_hooks.add_first (once move));
        ignore (Lwt.pause ());
        never () );
    ( "a timer",
      fun () ->
        ignore (Lwt_engine.on_timer 0. false (fun _ -> move ()));
        never () );
    ( "a notification",
      fun () ->
        Lwt_unix.send_notification (Lwt_unix.make_notification ~once:true move);
        never () );
  ]

let moved_loop (name, place) () =
  for _ = 1 to 20 do
    (match moved (fun () -> Lwt_main.run (place ())) with
    | Some (Invalid_argument text) ->
        check text (contains text ~part:(Printf.sprintf "domain %d" (domain ())))
    | Some exn -> check (name ^ ": " ^ Printexc.to_string exn) false
    | None -> check (name ^ ": not refused") false);
    (* The domain that the loop has left goes on. *)
    Lwt_main.run (Lwt_unix.sleep 0.0001)
  done

let case name f = Alcotest.test_case name `Quick f

let hooks name hook =
  (name, List.map (fun (way, make) -> case way (resolved_by hook make)) ways)

let in_two_domains test =
  List.concat_map (fun ((name, _) as x) ->
      [
        case name (test x);
        case (name ^ ", another domain") (fun () -> elsewhere (test x));
      ])

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  Alcotest.run "dlwt loop"
    [
      hooks "an enter hook ends the run" enter;
      hooks "a leave hook ends the run" leave;
      ("a loop that another domain continues: refused", in_two_domains moved_loop places);
      ("runs that a signal handler interrupts", in_two_domains interrupted_runs works);
    ]
