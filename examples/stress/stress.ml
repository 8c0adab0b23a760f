(* The command line. *)

open Lwt.Syntax
open Lwt_interop

(* Exit codes. *)
let all_well = 0
let something_wrong = 1
let wrong_usage = 2
let interrupted = 130
let terminated = 143

(* What the checks are there to find; [scripts/smoke/stress] sees that they do. *)
let plants =
  let judge p due =
    let own = Handle.current () in
    Lwt.async (fun () -> Calls.judge ~own ~row:0 p due)
  in
  [
    ("root", fun () -> Rust.leak (ref "a value"));
    ("call", fun () -> judge (Rust.never ()) [ Cancelled ]);
    ("outcome", fun () -> judge (Rust.panics 1) [ Value 1 ]);
    ("descriptor", fun () -> ignore (Unix.dup Unix.stdout : Unix.file_descr));
  ]

(* The first signal ends the run in good order; if that takes too long, another kills. *)
let told_to_stop (signal, code) =
  let told, tell = Lwt.wait () in
  let stop handler _ =
    Lwt_unix.disable_signal_handler handler;
    Lwt.wakeup_later tell code
  in
  ignore (Lwt_unix.on_signal_full signal stop : Lwt_unix.signal_handler_id);
  told

let stress ~domains ~seconds ~seed ~plant =
  let signals = [ (Sys.sigint, interrupted); (Sys.sigterm, terminated) ] in
  let told = List.map told_to_stop signals in
  let lives = Lives.create ~seats:domains ~seed in
  let title = Printf.sprintf "%d domains for %g s, seed %d" domains seconds seed in
  let screen = Screen.create ~title lives in
  (* The first domain brings tokio's runtime, which stays. *)
  let* () = Lives.one lives 0 in
  let before = Census.take () in
  Option.iter (fun sow -> sow ()) plant;
  let time_is_up = Lwt.map (fun () -> all_well) (Lwt_unix.sleep seconds) in
  let stop = Lwt.pick (time_is_up :: told) in
  let going_on () = Lwt.is_sleeping stop in
  let* () = Screen.show screen (Lives.keep lives ~while_:going_on) in
  let* left = Census.left ~since:before in
  Screen.table screen;
  Printf.printf "memory: %s after the first domain, %s at the end\n"
    (Screen.megabytes before.memory)
    (Screen.megabytes (Census.take ()).memory);
  List.iter (Printf.printf "left: %s\n") (if left = [] then [ "nothing" ] else left);
  if Tally.failures () > 0 || left <> [] then Lwt.return something_wrong else stop

let main domains seconds seed plant =
  Rust.silence_panics_on_purpose ();
  (Lwt.async_exception_hook :=
     fun e -> Tally.fail "nobody handles %s" (Printexc.to_string e));
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

(* OCaml has 128 at a time, Domain 0 and those that are just ending among them. *)
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
  let doc = "Go on for $(docv) seconds." in
  Arg.(value & opt number 10. & info [ "seconds" ] ~docv:"S" ~doc)

let seed =
  let doc = "Take the decisions of an earlier run again; its timing is another matter." in
  let random = Random.State.bits (Random.State.make_self_init ()) in
  Arg.(value & opt int random & info [ "seed" ] ~docv:"K" ~doc ~absent:"random")

let plant =
  Arg.(
    value
    & opt (some (enum plants)) None
    & info [ "plant" ] ~docs:Manpage.s_none ~doc:"Have something left or go wrong.")

let command =
  let exits =
    Cmd.Exit.
      [
        info all_well ~doc:"when all is well.";
        info something_wrong
          ~doc:"when a call did not come to what is due, or something is left at the end.";
        info wrong_usage ~doc:"when the command line is wrong.";
        info interrupted ~doc:"when SIGINT ended it early, and all is well.";
        info terminated ~doc:"when SIGTERM did.";
        info internal_error ~doc:"when something failed that never should.";
      ]
  in
  let man =
    [
      `S Manpage.s_description;
      `P
        "Keeps some domains alive: each lives for 50 to 500 ms, then another takes its \
         place. Meanwhile they call Rust, spawn work on each other from OCaml and from \
         Rust, cancel, raise exceptions and panic. Each call has to come to what is due.";
      `P
        "At the end all domains have been joined, and nothing may be left: no call, no \
         task, no OCaml value that Rust keeps, no descriptor.";
      `P
        "On a terminal it shows a table of outcomes, elsewhere a line each second. \
         SIGINT (Ctrl-C) or SIGTERM ends it early, in good order; a second one kills.";
    ]
  in
  let doc = "domains that come and go while everything is in flight" in
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
