(* Events of Rust's crate tracing arrive as messages of Logs. *)

open Lwt.Syntax
open Lwt_interop

type message = { source : string; level : Logs.level; text : string; domain : int }

(* The messages that the reporter got, the newest first. *)
let messages : message list Atomic.t = Atomic.make []

let rec add message =
  let before = Atomic.get messages in
  if not (Atomic.compare_and_set messages before (message :: before)) then add message

exception Reporter

let reporter =
  let report src level ~over k msgf =
    let keep text =
      over ();
      if text = "raise" then raise Reporter;
      add { source = Logs.Src.name src; level; text; domain = (Domain.self () :> int) };
      k ()
    in
    msgf (fun ?header:_ ?tags:_ format -> Format.kasprintf keep format)
  in
  { Logs.report }

let taken () = List.rev (Atomic.exchange messages [])
let texts messages = List.map (fun m -> m.text) messages
let check_texts = Alcotest.(check (list string))
let check_int = Alcotest.(check int)
let check_that what holds = Alcotest.(check bool) what true holds

let rec eventually condition =
  if condition () then Lwt.return_unit
  else
    let* () = Lwt_unix.sleep 0.001 in
    eventually condition

let raised what f =
  match f () with () -> Alcotest.failf "%s: nothing is raised" what | exception e -> e

(* Installs the bridge, and returns the messages of what [f] does. *)
let messages_of ?level ?capacity f =
  Lwt_interop_logs.install ?level ?capacity ();
  let* () = f () in
  let+ () = Lwt_interop_logs.stop () in
  taken ()

let all = Some Logs.Debug
let level_name level = Logs.level_to_string (Some level)
let here = "logs_tests"

let arrive () =
  let* got =
    messages_of ~level:all (fun () ->
        Rust.logs_levels "on the domain";
        let* () = Rust.logs_on_tokio "on tokio" in
        let+ () = Rust.logs_blocking "blocking" in
        Rust.logs_joined "joined")
  in
  let shown m = Printf.sprintf "%s %s %s" m.source (level_name m.level) m.text in
  check_texts "source, level, text"
    (List.map
       (fun level -> Printf.sprintf "%s %s on the domain" here level)
       [ "error"; "warning"; "info"; "debug"; "debug" ]
    @ [
        "on::tokio info on tokio"; "on::blocking info blocking"; "on::thread info joined";
      ])
    (List.map shown got);
  List.iter (fun m -> check_int "the domain" 0 m.domain) got;
  let named = List.filter (fun src -> Logs.Src.name src = here) (Logs.Src.list ()) in
  check_int "one source" 1 (List.length named);
  Lwt.return_unit

let flood () =
  let n = 100_000 in
  let* got = messages_of ~level:all ~capacity:50 (fun () -> Rust.logs_flood n) in
  let warnings, events = List.partition (fun m -> m.source = "lwt_interop.logs") got in
  let dropped =
    List.fold_left
      (fun sum m ->
        Alcotest.(check string) "a warning" "warning" (level_name m.level);
        sum + Scanf.sscanf m.text "events of Rust that were dropped: %d" Fun.id)
      0 warnings
  in
  check_int "all events are accounted for" n (dropped + List.length events);
  Alcotest.(check string)
    "the last one"
    (string_of_int (n - 1))
    (List.nth events (List.length events - 1)).text;
  let numbers = List.map (fun m -> int_of_string m.text) events in
  check_that "in order" (List.sort_uniq compare numbers = numbers);
  Lwt.return_unit

(* Within one call nothing is reported, so the queue overflows at a known place. *)
let overflow () =
  let+ got =
    messages_of ~level:all ~capacity:2 (fun () ->
        Rust.logs_levels "x";
        Lwt.return_unit)
  in
  check_texts "the newest two"
    [ "events of Rust that were dropped: 3"; "x"; "x" ]
    (texts got)

let fields () =
  let+ got =
    messages_of (fun () ->
        Rust.logs_fields "a \"message\"\nof two lines" "a \"text\"\nof two lines";
        Lwt.return_unit)
  in
  let text = {|text="a \"text\"\nof two lines"|} in
  check_texts "as Rust writes them"
    [
      "a \"message\"\nof two lines number=7 yes=true " ^ text
      ^ {| debug=Some("x") display=a b|};
      text;
    ]
    (texts got)

let spans () =
  let call () = Lwt.return (Rust.logs_spans ()) in
  let* got = messages_of ~level:(Some Logs.Info) call in
  let first = "outer{id=7}: in one" in
  check_texts "of that level"
    [ first; {|outer{id=7 later="now"}:inner: in all a=1|} ]
    (texts got);
  let+ got = messages_of ~level:all call in
  check_texts "all"
    [ first; {|outer{id=7 later="now"}:verbose:inner: in all a=1|} ]
    (texts got)

let levels () =
  let count level n =
    let+ got = messages_of ~level (fun () -> Lwt.return (Rust.logs_levels "x")) in
    check_int (Logs.level_to_string level) n (List.length got)
  in
  let* () = count None 0 in
  let* () = count (Some App) 0 in
  let* () = count (Some Error) 1 in
  let* () = count (Some Warning) 2 in
  let* () = count (Some Info) 3 in
  let* () = count (Some Debug) 5 in
  (* It follows, and what is disabled is not formatted. *)
  let formatted () = Rust.logs_formatted () in
  let before = formatted () in
  let* got =
    messages_of ~level:(Some Error) (fun () ->
        Rust.logs_nested ();
        check_int "not formatted" before (formatted ());
        Lwt_interop_logs.set_level (Some Info);
        Rust.logs_levels "x";
        Lwt_interop_logs.set_level None;
        Rust.logs_levels "x";
        Lwt.return_unit)
  in
  check_int "after set_level" 3 (List.length got);
  (* Without a bridge there is nothing to set. *)
  Lwt_interop_logs.set_level all;
  Rust.logs_nested ();
  check_int "not formatted" before (formatted ());
  (* The level of a source decides, too. *)
  let source = List.find (fun src -> Logs.Src.name src = here) (Logs.Src.list ()) in
  Logs.Src.set_level source (Some Error);
  let+ got = messages_of ~level:all (fun () -> Lwt.return (Rust.logs_levels "x")) in
  Logs.Src.set_level source all;
  check_int "the level of the source" 1 (List.length got)

let nested () =
  let+ got = messages_of (fun () -> Lwt.return (Rust.logs_nested ())) in
  check_texts "the inner event is dropped"
    [ "events of Rust that were dropped: 1"; "outer" ]
    (texts got)

let destructors () =
  let+ got =
    messages_of (fun () ->
        let create () =
          ignore (Sys.opaque_identity (Rust.Logs_when_dropped.create "gone"))
        in
        create ();
        eventually (fun () ->
            Gc.full_major ();
            List.exists (fun m -> m.text = "gone") (Atomic.get messages)))
  in
  check_texts "once" [ "gone" ] (texts got)

let reporter_raises () =
  let raised = ref 0 in
  let hook = !Lwt.async_exception_hook in
  (Lwt.async_exception_hook := function Reporter -> incr raised | e -> hook e);
  let+ got =
    messages_of (fun () ->
        let* () = Rust.logs_on_tokio "raise" in
        Rust.logs_on_tokio "after it")
  in
  Lwt.async_exception_hook := hook;
  check_int "the hook is called" 1 !raised;
  check_texts "the next one arrives" [ "after it" ] (texts got)

(* The domain that installed the bridge last reports. When it terminates, nobody does. *)
let domains () =
  Lwt_interop_logs.install ();
  Rust.logs_joined "for Domain 0";
  let pool = Pool.create ~domains:1 () in
  let* other =
    Pool.spawn_on pool 0 (fun () ->
        Lwt_interop_logs.install ();
        Lwt.return (Domain.self () :> int))
  in
  Rust.logs_joined "for the other domain";
  (* It has replaced this one. *)
  let* () = Lwt_interop_logs.stop () in
  Rust.logs_joined "last";
  let* () = Pool.shutdown pool in
  Rust.logs_joined "after the end";
  let domain text = (List.find (fun m -> m.text = text) (Atomic.get messages)).domain in
  let* () = eventually (fun () -> List.length (Atomic.get messages) >= 3) in
  check_int "before" 0 (domain "for Domain 0");
  check_int "after" other (domain "for the other domain");
  check_int "reported before the domain ends" other (domain "last");
  check_int "no more" 3 (List.length (taken ()));
  let+ got = messages_of (fun () -> Lwt.return (Rust.logs_joined "again")) in
  check_texts "it can be installed again" [ "again" ] (texts got)

let misuse () =
  let e = raised "capacity" (fun () -> Lwt_interop_logs.install ~capacity:0 ()) in
  Alcotest.check_raises "capacity"
    (Invalid_argument "Lwt_interop_logs.install: the capacity is less than 1") (fun () ->
      raise e);
  let thread = ref None in
  let outside () =
    thread := Some (raised "thread" (fun () -> Lwt_interop_logs.install ()))
  in
  Thread.join (Thread.create outside ());
  check_that "thread" (match !thread with Some (Wrong_thread _) -> true | _ -> false);
  Lwt.return_unit

let () =
  Logs.set_reporter reporter;
  Logs.set_level all;
  let case name f = Alcotest.test_case name `Quick (fun () -> Lwt_main.run (f ())) in
  Alcotest.run "logs"
    [
      ( "logs",
        [
          case "misuse" misuse;
          case "events arrive with source, level and text" arrive;
          case "a flood is bounded and says how many were dropped" flood;
          case "the oldest events are dropped" overflow;
          case "fields" fields;
          case "spans" spans;
          case "levels" levels;
          case "an event within an event" nested;
          case "events of destructors" destructors;
          case "a reporter that raises" reporter_raises;
          case "the last domain that installs it, until it ends" domains;
        ] );
    ]
