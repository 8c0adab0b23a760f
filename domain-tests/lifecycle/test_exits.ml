(* The exit code and the output of processes that end in various ways. *)

(* Seconds after which a process counts as hanging. *)
let hang_timeout = 60

(* Starts the scenario; sends it [signal], if one is given, as soon as it reports to be ready. *)
let run ?signal scenario =
  let out, into = Unix.pipe ~cloexec:true () in
  let ready, report = Unix.pipe ~cloexec:true () in
  let null = Unix.openfile "/dev/null" [ Unix.O_RDWR; Unix.O_CLOEXEC ] 0 in
  let stderr = if Option.is_some signal then report else null in
  let pid =
    Unix.create_process "./exits.exe" [| "./exits.exe"; scenario |] null into stderr
  in
  List.iter Unix.close [ into; report; null ];
  let hangs = ref false in
  let kill _ =
    hangs := true;
    Unix.kill pid Sys.sigkill
  in
  Sys.set_signal Sys.sigalrm (Signal_handle kill);
  ignore (Unix.alarm hang_timeout : int);
  let reports = Unix.in_channel_of_descr ready in
  Option.iter
    (fun signal ->
      match In_channel.input_line reports with
      | Some "ready" -> Unix.kill pid signal
      | Some text -> Alcotest.failf "expected ready on stderr, found %s" text
      | None -> Alcotest.fail "the process ended before it was ready")
    signal;
  let text = In_channel.input_all (Unix.in_channel_of_descr out) in
  let rec wait () =
    try snd (Unix.waitpid [] pid) with Unix.Unix_error (EINTR, _, _) -> wait ()
  in
  let status = wait () in
  ignore (Unix.alarm 0 : int);
  Unix.close out;
  Unix.close ready;
  if !hangs then Alcotest.failf "the process did not end in %d s" hang_timeout;
  (status, text)

let hooks = "begun at_exit Lwt_main.at_exit"

let describe = function
  | Unix.WEXITED code -> Printf.sprintf "exit code %d" code
  | Unix.WSIGNALED signal when signal = Sys.sigint -> "killed by SIGINT"
  | Unix.WSIGNALED signal when signal = Sys.sigterm -> "killed by SIGTERM"
  | Unix.WSIGNALED signal -> Printf.sprintf "killed by OCaml's signal %d" signal
  | Unix.WSTOPPED _ -> "stopped"

let test ?(prints = Some hooks) ?signal ~name scenario expected =
  Alcotest.test_case name `Quick (fun () ->
      let status, text = run ?signal scenario in
      Alcotest.(check string) "end" (describe expected) (describe status);
      Option.iter (fun prints -> Alcotest.(check string) "output" prints text) prints)

let case ?prints scenario ~code = test ?prints ~name:scenario scenario (Unix.WEXITED code)

let signals =
  let both ?prints scenario status =
    List.map
      (fun (name, signal) ->
        test ?prints ~signal ~name:(name ^ ", " ^ scenario) scenario (status signal))
      [ ("SIGINT", Sys.sigint); ("SIGTERM", Sys.sigterm) ]
  in
  List.concat
    [
      (* The signal kills the process at once, so that its buffers may be lost. *)
      both ~prints:None "a signal's default action" (fun signal -> WSIGNALED signal);
      both "a handler of Sys.signal that exits" (fun _ -> WEXITED 9);
      both "a handler of Lwt_unix.on_signal that exits" (fun _ -> WEXITED 9);
      both "a handler of Lwt_unix.on_signal that ends the loop" (fun _ -> WEXITED 0);
    ]

let () =
  Alcotest.run "exits"
    [
      ( "exits",
        [
          case "return" ~code:0;
          case "return without a loop" ~code:0;
          case "return while Domain 0's blocking pool is busy" ~code:0;
          case "return from a pool's run" ~code:0;
          case "destructors that panic" ~code:0;
          case "a handler of Lwt_unix.on_signal that returns" ~code:0;
          case "exit in the loop" ~code:5;
          case "an uncaught exception" ~code:2;
          case "an uncaught exception of a domain that is joined" ~code:2;
          case "an uncaught exception of a domain that is not joined" ~code:0;
          case "an uncaught exception of a message" ~code:2;
          case "exit on another domain" ~code:3;
          case "exit on another domain while Domain 0 runs no loop" ~code:3 ~prints:None;
          case "exit on a pool's domain" ~code:8;
          case "exit on a systhread" ~code:8;
          case "exit in a callback from a stub" ~code:6;
          case "exit in a callback from a task" ~code:6;
          case "exit in a callback from the loop" ~code:6;
          case "exit in a callback from a message" ~code:6
            ~prints:(Some "begun at_exit fulfilled Lwt_main.at_exit");
          case "exit in a callback from a task, whose hooks wait" ~code:6
            ~prints:(Some "begun at_exit waited Lwt_main.at_exit");
          case "exit while a function of at_exit raises" ~code:0
            ~prints:
              (Some "begun terminated terminated terminated at_exit Lwt_main.at_exit");
          case "exit in a blocking function" ~code:7;
          case "exit in a blocking function called by Rust" ~code:7;
          case "a function of at_exit calls Rust" ~code:0
            ~prints:(Some "begun Rust at_exit Lwt_main.at_exit");
        ] );
      ("signals", signals);
    ]
