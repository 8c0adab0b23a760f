(* Structures that are built on promises, used in a domain that does not own them: every
   function that could change the structure raises an error that names both domains, and
   changes nothing. The owner can go on using it. *)

open Lwt.Infix
open Support

let owner = domain ()

(* A name, and a call that must be refused. *)
type misuse = Misuse : string * (unit -> 'a) -> misuse

let refused_elsewhere name misuses =
  elsewhere (fun () ->
      List.iter
        (fun (Misuse (what, f)) -> refused ~what:(name ^ ": " ^ what) ~owner f)
        misuses)

let pending p = Lwt.state p = Lwt.Sleep
let int = Alcotest.(check int)
let bool = Alcotest.(check bool)
let return_3 () = Lwt.return 3

let mutex () =
  let m = Lwt_mutex.create () in
  Lwt_main.run (Lwt_mutex.lock m);
  let second = Lwt_mutex.lock m in
  refused_elsewhere "Lwt_mutex"
    [
      Misuse ("lock", fun () -> Lwt_mutex.lock m);
      Misuse ("unlock", fun () -> Lwt_mutex.unlock m);
      Misuse ("with_lock", fun () -> Lwt_mutex.with_lock m return_3);
    ];
  bool "still waits" true (pending second);
  Lwt_mutex.unlock m;
  Lwt_main.run second;
  bool "handed over" true (Lwt_mutex.is_locked m && Lwt_mutex.is_empty m);
  Lwt_mutex.unlock m;
  bool "free" false (Lwt_mutex.is_locked m)

let condition () =
  let c = Lwt_condition.create () in
  let waiting = Lwt_condition.wait c in
  refused_elsewhere "Lwt_condition"
    [
      Misuse ("wait", fun () -> Lwt_condition.wait c);
      Misuse ("signal", fun () -> Lwt_condition.signal c 1);
      Misuse ("broadcast", fun () -> Lwt_condition.broadcast c 1);
      Misuse ("broadcast_exn", fun () -> Lwt_condition.broadcast_exn c Exit);
    ];
  bool "still waits" true (pending waiting);
  Lwt_condition.signal c 3;
  int "signalled" 3 (Lwt_main.run waiting)

(* The caller owns the condition, which must not get a waiter. *)
let condition_with_mutex () =
  let mutex = Lwt_mutex.create () in
  Lwt_main.run (Lwt_mutex.lock mutex);
  elsewhere (fun () ->
      let c = Lwt_condition.create () in
      refused ~what:"wait ~mutex" ~owner (fun () -> Lwt_condition.wait ~mutex c);
      let waiting = Lwt_condition.wait c in
      Lwt_condition.signal c ();
      Lwt_main.run waiting);
  Lwt_mutex.unlock mutex

let mvar () =
  let m = Lwt_mvar.create 1 in
  let second = Lwt_mvar.put m 2 in
  refused_elsewhere "Lwt_mvar"
    [
      Misuse ("put", fun () -> Lwt_mvar.put m 9);
      Misuse ("take", fun () -> Lwt_mvar.take m);
      Misuse ("take_available", fun () -> Lwt_mvar.take_available m);
    ];
  bool "still waits" true (pending second);
  int "first" 1 (Lwt_main.run (Lwt_mvar.take m));
  Lwt_main.run second;
  int "second" 2 (Lwt_main.run (Lwt_mvar.take m));
  bool "empty" true (Lwt_mvar.is_empty m);
  let third = Lwt_mvar.take m in
  refused_elsewhere "Lwt_mvar"
    [ Misuse ("put, with a reader", fun () -> Lwt_mvar.put m 9) ];
  Lwt_main.run (Lwt_mvar.put m 3);
  int "third" 3 (Lwt_main.run third)

let pool () =
  let made = ref 0 in
  let p =
    Lwt_pool.create 1 (fun () ->
        incr made;
        Lwt.return !made)
  in
  let finish, set_finish = Lwt.wait () in
  let first = Lwt_pool.use p (fun member -> finish >|= fun () -> member) in
  let second = Lwt_pool.use p Lwt.return in
  refused_elsewhere "Lwt_pool"
    [
      Misuse ("use", fun () -> Lwt_pool.use p Lwt.return);
      Misuse ("clear", fun () -> Lwt_pool.clear p);
    ];
  int "one waits" 1 (Lwt_pool.wait_queue_length p);
  Lwt.wakeup set_finish ();
  int "the same member" (Lwt_main.run first) (Lwt_main.run second);
  int "one was made" 1 !made

let stream_misuses s push =
  [
    Misuse ("get", fun () -> Lwt_stream.get s);
    Misuse ("next", fun () -> Lwt_stream.next s);
    Misuse ("peek", fun () -> Lwt_stream.peek s);
    Misuse ("npeek", fun () -> Lwt_stream.npeek 1 s);
    Misuse ("nget", fun () -> Lwt_stream.nget 1 s);
    Misuse ("get_while", fun () -> Lwt_stream.get_while (fun _ -> true) s);
    Misuse ("last_new", fun () -> Lwt_stream.last_new s);
    Misuse ("to_list", fun () -> Lwt_stream.to_list s);
    Misuse ("junk", fun () -> Lwt_stream.junk s);
    Misuse ("njunk", fun () -> Lwt_stream.njunk 1 s);
    Misuse ("junk_available", fun () -> Lwt_stream.junk_available s);
    Misuse ("get_available", fun () -> Lwt_stream.get_available s);
    Misuse ("is_empty", fun () -> Lwt_stream.is_empty s);
    Misuse ("iter", fun () -> Lwt_stream.iter ignore s);
    Misuse ("fold", fun () -> Lwt_stream.fold max s 0);
    Misuse ("clone", fun () -> Lwt_stream.clone s);
    Misuse ("parse", fun () -> Lwt_stream.parse s (fun _ -> Lwt.fail Exit));
    Misuse ("push", fun () -> push (Some 9));
    Misuse ("push None", fun () -> push None);
  ]

let stream () =
  let s, push = Lwt_stream.create () in
  push (Some 1);
  push (Some 2);
  refused_elsewhere "Lwt_stream, with elements" (stream_misuses s push);
  Alcotest.(check (list int))
    "no element is lost" [ 1; 2 ]
    (Lwt_main.run (Lwt_stream.nget 2 s));
  refused_elsewhere "Lwt_stream, empty" (stream_misuses s push);
  let next = Lwt_stream.next s in
  refused_elsewhere "Lwt_stream, with a reader" (stream_misuses s push);
  bool "still waits" true (pending next);
  push (Some 3);
  int "the next" 3 (Lwt_main.run next);
  push None;
  bool "closed" true (Lwt_stream.is_closed s && Lwt_main.run (Lwt_stream.is_empty s))

let bounded_stream () =
  let s, push = Lwt_stream.create_bounded 1 in
  Lwt_main.run (push#push 1);
  let second = push#push 2 in
  refused_elsewhere "Lwt_stream, bounded"
    [
      Misuse ("push", fun () -> push#push 9);
      Misuse ("close", fun () -> push#close);
      Misuse ("resize", fun () -> push#resize 5);
      Misuse ("next", fun () -> Lwt_stream.next s);
    ];
  bool "still blocked" true (push#blocked && (not push#closed) && push#size = 1);
  int "first" 1 (Lwt_main.run (Lwt_stream.next s));
  Lwt_main.run second;
  push#close;
  Alcotest.(check (list int)) "the rest" [ 2 ] (Lwt_main.run (Lwt_stream.to_list s))

let stream_from () =
  let made = ref 0 in
  let make () =
    incr made;
    Lwt.return (if !made > 2 then None else Some !made)
  in
  let s = Lwt_stream.from make in
  refused_elsewhere "Lwt_stream.from" [ Misuse ("get", fun () -> Lwt_stream.get s) ];
  int "no element was made" 0 !made;
  Alcotest.(check (list int)) "all" [ 1; 2 ] (Lwt_main.run (Lwt_stream.to_list s))

let switch () =
  let off = ref 0 in
  let hook () =
    incr off;
    Lwt.return_unit
  in
  let s = Lwt_switch.create () in
  Lwt_switch.add_hook (Some s) hook;
  refused_elsewhere "Lwt_switch"
    [
      Misuse ("add_hook", fun () -> Lwt_switch.add_hook (Some s) hook);
      Misuse ("add_hook_or_exec", fun () -> Lwt_switch.add_hook_or_exec (Some s) hook);
      Misuse ("turn_off", fun () -> Lwt_switch.turn_off s);
    ];
  bool "on" true (Lwt_switch.is_on s);
  Lwt_main.run (Lwt_switch.turn_off s);
  int "its hook ran once" 1 !off

let timeout () =
  let t = Lwt_timeout.create 100 ignore and idle = Lwt_timeout.create 100 ignore in
  Lwt_timeout.start t;
  refused_elsewhere "Lwt_timeout"
    [
      Misuse ("start", fun () -> Lwt_timeout.start t);
      Misuse ("stop", fun () -> Lwt_timeout.stop t);
      Misuse ("change", fun () -> Lwt_timeout.change t 50);
      Misuse ("change, not started", fun () -> Lwt_timeout.change idle 50);
    ];
  Lwt_timeout.stop t

module Throttle = Lwt_throttle.Make (struct
  type t = int

  let equal = Int.equal
  let hash = Hashtbl.hash
end)

let throttle () =
  let t = Throttle.create ~rate:1 ~max:10 ~n:10 in
  bool "the first may" true (Lwt_main.run (Throttle.wait t 1));
  let second = Throttle.wait t 1 in
  refused_elsewhere "Lwt_throttle" [ Misuse ("wait", fun () -> Throttle.wait t 1) ];
  bool "still waits" true (pending second);
  Lwt.cancel second

let engine () =
  let engine = Lwt_engine.get () in
  let fired, set_fired = Lwt.wait () in
  let event =
    Lwt_engine.on_timer 0.001 false (fun event ->
        Lwt_engine.stop_event event;
        Lwt.wakeup set_fired ())
  in
  refused_elsewhere "Lwt_engine"
    [
      Misuse ("stop_event", fun () -> Lwt_engine.stop_event event);
      Misuse ("set", fun () -> Lwt_engine.set engine);
      Misuse
        ( "set, nothing moved",
          fun () -> Lwt_engine.set ~transfer:false ~destroy:false engine );
      Misuse ("on_readable", fun () -> engine#on_readable Unix.stdin ignore);
      Misuse ("on_writable", fun () -> engine#on_writable Unix.stdout ignore);
      Misuse ("on_timer", fun () -> engine#on_timer 1. false ignore);
      Misuse ("fake_io", fun () -> engine#fake_io Unix.stdin);
      Misuse ("iter", fun () -> engine#iter false);
      Misuse
        ( "transfer",
          fun () -> engine#transfer (new Lwt_engine.select :> Lwt_engine.abstract) );
      Misuse ("destroy", fun () -> engine#destroy);
    ];
  Lwt_main.run fired

(* Engines without events, since events have a check of their own. *)
let idle_engines () =
  let misuses (engine : Lwt_engine.abstract) =
    [
      Misuse ("iter", fun () -> engine#iter false);
      Misuse
        ( "transfer",
          fun () -> engine#transfer (new Lwt_engine.select :> Lwt_engine.abstract) );
      Misuse ("destroy", fun () -> engine#destroy);
    ]
  in
  let poll =
    object
      inherit Lwt_engine.poll_based
      method private poll _ _ = []
    end
  in
  let select = new Lwt_engine.select in
  refused_elsewhere "select" (misuses (select :> Lwt_engine.abstract));
  refused_elsewhere "poll" (misuses (poll :> Lwt_engine.abstract));
  select#iter false;
  poll#iter false

let signal_handler () =
  let id = Lwt_unix.on_signal Sys.sigusr1 ignore in
  let before = Lwt_unix.signal_count () in
  refused_elsewhere "Lwt_unix.on_signal"
    [ Misuse ("disable", fun () -> Lwt_unix.disable_signal_handler id) ];
  int "still there" before (Lwt_unix.signal_count ());
  Lwt_unix.disable_signal_handler id;
  int "gone" (before - 1) (Lwt_unix.signal_count ())

let case name f = Alcotest.test_case name `Quick f

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  Alcotest.run "dlwt structures"
    [
      ( "refused in another domain, unchanged here",
        [
          case "mutex" mutex;
          case "condition" condition;
          case "condition with another domain's mutex" condition_with_mutex;
          case "mvar" mvar;
          case "pool" pool;
          case "stream" stream;
          case "bounded stream" bounded_stream;
          case "stream from a function" stream_from;
          case "switch" switch;
          case "timeout" timeout;
          case "throttle" throttle;
          case "engine and event" engine;
          case "idle engines" idle_engines;
          case "signal handler" signal_handler;
        ] );
    ]
