(* How a process ends: its exit code, and what it had printed. *)

(* A minute is for ever. *)
let patience = "60"

let run scenario =
  let out, into = Unix.pipe ~cloexec:true () in
  let null = Unix.openfile "/dev/null" [ Unix.O_RDWR; Unix.O_CLOEXEC ] 0 in
  let args = [| "timeout"; "-s"; "KILL"; patience; "./exits.exe"; scenario |] in
  let pid = Unix.create_process "timeout" args null into null in
  Unix.close into;
  Unix.close null;
  let text = In_channel.input_all (Unix.in_channel_of_descr out) in
  Unix.close out;
  match snd (Unix.waitpid [] pid) with
  | Unix.WEXITED 137 | Unix.WSIGNALED _ ->
      Alcotest.failf "it did not end in %s s, or was killed" patience
  | Unix.WEXITED code -> (code, text)
  | Unix.WSTOPPED _ -> Alcotest.fail "it was stopped"

let hooks = "begun at_exit Lwt_main.at_exit"

let case ?(prints = Some hooks) scenario ~code =
  Alcotest.test_case scenario `Quick (fun () ->
      let found, text = run scenario in
      Alcotest.(check int) "exit code" code found;
      Option.iter (fun prints -> Alcotest.(check string) "output" prints text) prints)

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
          case "child" ~code:3;
          case "child, no loop" ~code:3 ~prints:None;
          case "callback" ~code:6;
          case "callback in a task" ~code:6;
          case "callback from the loop" ~code:6;
          case "lane's exit" ~code:7;
          case "lane's callback" ~code:7;
          case "rust at exit" ~code:0
            ~prints:(Some "begun rust at exit at_exit Lwt_main.at_exit");
        ] );
    ]
