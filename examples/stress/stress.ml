(* The command line. *)

open Lwt.Syntax
open Lwt_interop

(* Exit codes. *)
let all_well = 0
let something_wrong = 1
let wrong_usage = 2
let interrupted = 130
let terminated = 143

(* Faults that the checks must detect; [scripts/smoke/stress] checks that they do. *)
let plants =
  let check p expected =
    let own = Handle.current () in
    Lwt.async (fun () -> Calls.check ~own ~row:0 p expected)
  in
  [
    ("root", fun () -> Rust.leak (String.make 8 'x'));
    ("call", fun () -> check (Rust.never ()) [ Cancelled ]);
    ("outcome", fun () -> check (Rust.panics 1) [ Value 1 ]);
    ("descriptor", fun () -> ignore (Unix.dup Unix.stdout : Unix.file_descr));
  ]

(* Fulfilled with an exit code by the first signal, for an orderly stop. A second signal kills. *)
let stop_on_signal () =
  let+ signal = Signals.wait [ Sys.sigint; Sys.sigterm ] in
  if signal = Sys.sigint then interrupted else terminated

let stress ~domains ~seconds ~seed ~plant =
  let received = stop_on_signal () in
  let lives = Lives.create ~slots:domains ~seed in
  let title = Printf.sprintf "%d domains for %g s, seed %d" domains seconds seed in
  let screen = Screen.create ~title lives in
  (* The first domain starts tokio's runtime, which stays. *)
  let* () = Lives.one lives 0 in
  let before = Census.take () in
  Option.iter (fun fault -> fault ()) plant;
  let time_is_up = Lwt.map (fun () -> all_well) (Lwt_unix.sleep seconds) in
  let stop = Lwt.pick [ time_is_up; received ] in
  let running () = Lwt.is_sleeping stop in
  let* () = Screen.show screen (Lives.keep lives ~while_:running) in
  let* leaks = Census.leaks ~since:before in
  Screen.table screen;
  Printf.printf "memory: %s after the first domain, %s at the end\n"
    (Screen.megabytes before.memory)
    (Screen.megabytes (Census.take ()).memory);
  List.iter (Printf.printf "left: %s\n") (if leaks = [] then [ "nothing" ] else leaks);
  if Tally.failures () > 0 || leaks <> [] then Lwt.return something_wrong else stop

let main domains seconds seed plant =
  Rust.silence_panics_on_purpose ();
  (Lwt.async_exception_hook :=
     fun e -> Tally.fail "unhandled exception: %s" (Printexc.to_string e));
  Lwt_main.run (stress ~domains ~seconds ~seed ~plant)

(* ---- the command line *)

open Cmdliner

let checked conv ~wanted ok =
  let parse text =
    match Arg.conv_parser conv text with
    | Ok x when ok x -> Ok x
    | _ -> Error (`Msg (Printf.sprintf "%S is not %s" text wanted))
  in
  Arg.conv (parse, Arg.conv_printer conv)

(* OCaml has 128 domains at a time, including Domain 0 and domains that are ending. *)
let most_domains = 100

let domains =
  let wanted = Printf.sprintf "a number from 1 to %d" most_domains in
  let number = checked Arg.int ~wanted (fun n -> 1 <= n && n <= most_domains) in
  let doc =
    Printf.sprintf "Keep $(docv) domains alive, from 1 to %d, besides the initial one."
      most_domains
  in
  Arg.(value & opt number 4 & info [ "domains" ] ~docv:"N" ~doc)

let seconds =
  let wanted = "a number above 0" in
  let number = checked Arg.float ~wanted (fun s -> s > 0. && s < infinity) in
  let doc = "Run for $(docv) seconds." in
  Arg.(value & opt number 10. & info [ "seconds" ] ~docv:"S" ~doc)

let seed =
  let doc =
    "Make the random decisions of an earlier run again. The timing still differs."
  in
  let random = Random.State.bits (Random.State.make_self_init ()) in
  Arg.(value & opt int random & info [ "seed" ] ~docv:"K" ~doc ~absent:"random")

let plant =
  Arg.(
    value
    & opt (some (enum plants)) None
    & info [ "plant" ] ~docs:Manpage.s_none ~doc:"Plant a fault.")

let command =
  let exits =
    Cmd.Exit.
      [
        info all_well ~doc:"on success.";
        info something_wrong
          ~doc:"if a call had an unexpected outcome, or something is left at the end.";
        info wrong_usage ~doc:"if the command line is wrong.";
        info interrupted ~doc:"if SIGINT ended the run early, without a failure.";
        info terminated ~doc:"if SIGTERM ended the run early, without a failure.";
        info internal_error ~doc:"on an internal error.";
      ]
  in
  let man =
    [
      `S Manpage.s_description;
      `P
        "Keeps a number of domains alive. Each ends after 50 to 500 ms, and another \
         replaces it. Meanwhile they call Rust, spawn work on each other from OCaml and \
         from Rust, cancel, raise exceptions and panic. Each call must have an expected \
         outcome.";
      `P
        "At the end all domains are joined, and nothing may be left: no call, no task, \
         no OCaml value that Rust keeps, no descriptor.";
      `P
        "A terminal shows a table of outcomes, other outputs a line each second. SIGINT \
         (Ctrl-C) or SIGTERM ends the run early, with all checks; a second one kills.";
    ]
  in
  let doc = "start and stop domains while calls are in flight" in
  Cmd.v
    (Cmd.info "stress" ~doc ~exits ~man)
    Term.(const main $ domains $ seconds $ seed $ plant)

let () =
  exit
    (match Cmd.eval_value command with
    | Ok (`Ok code) -> code
    | Ok (`Help | `Version) -> all_well
    | Error (`Parse | `Term) -> wrong_usage
    | Error `Exn -> Cmd.Exit.internal_error)
