(* How a process ends: its exit code, and what it had printed. *)

(* A minute is for ever. *)
let patience = 60

(* Starts the scenario; if [signal] is given, sends it once the scenario has said that all is under
   way. *)
let run ?signal scenario =
  let out, into = Unix.pipe ~cloexec:true () in
  let told, tell = Unix.pipe ~cloexec:true () in
  let null = Unix.openfile "/dev/null" [ Unix.O_RDWR; Unix.O_CLOEXEC ] 0 in
  let stderr = if Option.is_some signal then tell else null in
  let pid =
    Unix.create_process "./exits.exe" [| "./exits.exe"; scenario |] null into stderr
  in
  List.iter Unix.close [ into; tell; null ];
  let hangs = ref false in
  let kill _ =
    hangs := true;
    Unix.kill pid Sys.sigkill
  in
  Sys.set_signal Sys.sigalrm (Signal_handle kill);
  ignore (Unix.alarm patience : int);
  let said = Unix.in_channel_of_descr told in
  Option.iter
    (fun signal ->
      match In_channel.input_line said with
      | Some "ready" -> Unix.kill pid signal
      | Some text -> Alcotest.failf "it was not ready, but said %s" text
      | None -> Alcotest.fail "it ended before it was ready")
    signal;
  let text = In_channel.input_all (Unix.in_channel_of_descr out) in
  let rec wait () =
    try snd (Unix.waitpid [] pid) with Unix.Unix_error (EINTR, _, _) -> wait ()
  in
  let status = wait () in
  ignore (Unix.alarm 0 : int);
  Unix.close out;
  Unix.close told;
  if !hangs then Alcotest.failf "it did not end in %d s" patience;
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
      (* Nobody is asked, so nothing has to be flushed. *)
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
          case "lane" ~code:0;
          case "pool" ~code:0;
          case "bomb" ~code:0;
          case "signal" ~code:0;
          case "exit" ~code:5;
          case "exception" ~code:2;
          case "a domain's exception, joined" ~code:2;
          case "a domain's exception, not joined" ~code:0;
          case "an exception of a message" ~code:2;
          case "child" ~code:3;
          case "child, no loop" ~code:3 ~prints:None;
          case "exit on a pool's domain" ~code:8;
          case "exit on a systhread" ~code:8;
          case "callback" ~code:6;
          case "callback in a task" ~code:6;
          case "callback from the loop" ~code:6;
          case "callback of a message" ~code:6
            ~prints:(Some "begun at_exit fulfilled Lwt_main.at_exit");
          case "an exit that a hook refuses" ~code:0
            ~prints:(Some "begun terminated at_exit Lwt_main.at_exit");
          case "lane's exit" ~code:7;
          case "lane's callback" ~code:7;
          case "rust at exit" ~code:0
            ~prints:(Some "begun rust at exit at_exit Lwt_main.at_exit");
        ] );
      ("signals", signals);
    ]
