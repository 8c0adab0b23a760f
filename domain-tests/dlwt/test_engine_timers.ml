(* The engine's timers. *)

open Support
open Engine_fixture

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
  Alcotest.(check (list int)) "until they stop themselves" [ 1; 3 ] [ !once; !thrice ];
  Alcotest.(check int) "no timer remains" 0 engine#timer_count

(* It does not starve other callbacks. *)
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
      "each once per iteration" [ i; i; i ] [ !zero; !repeated; !read ]
  done

let unusual_delays engine =
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

(* Times are taken before and after each timer is started: if the latest possible due time of
   one is before the earliest of another, it must run first. *)
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
    (* The engine's clock may differ by a millisecond. *)
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
  Alcotest.(check int) "no timer remains" 0 engine#timer_count

let same_time engine =
  let ran = ref [] in
  for i = 1 to 1000 do
    ignore (engine#on_timer 0.001 false (fun _ -> ran := i :: !ran))
  done;
  until engine (fun () -> List.length !ran = 1000);
  check "in the order in which they were started" (List.rev !ran = List.init 1000 succ);
  ran := [];
  for i = 1 to 100 do
    ignore (engine#on_timer 0. true (fun _ -> ran := i :: !ran))
  done;
  engine#iter true;
  engine#iter true;
  let each = List.init 100 succ in
  check "also when they repeat" (List.rev !ran = each @ each)

(* A stopped timer does not keep its closure alive. *)
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

let () =
  Alcotest.run "dlwt engine: timers"
    [
      ( "timers",
        [
          case "a timer that stops itself" timer_that_stops_itself;
          case "a delay of zero" timer_of_zero;
          case "infinite, negative and other unusual delays" unusual_delays;
          case "thousands, in order" thousands_of_timers;
          case "due at the same time" same_time;
          case "a stopped timer is collected" stopped_timer_is_collected;
        ] );
    ]
