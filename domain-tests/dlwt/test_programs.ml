(* How programs terminate: runs each program of [programs.ml] and checks its exit code and
   output. *)

open Support

type outcome = { status : Unix.process_status; out : string; err : string }

let programs = "./programs.exe"

let run ?(input = "") name =
  let out, in_, err =
    Unix.open_process_args_full programs [| programs; name |] (Unix.environment ())
  in
  output_string in_ input;
  close_out in_;
  let text = In_channel.input_all out in
  let errors = In_channel.input_all err in
  { status = Unix.close_process_full (out, in_, err); out = text; err = errors }

let status = function
  | Unix.WEXITED n -> Printf.sprintf "exit %d" n
  | Unix.WSIGNALED n -> Printf.sprintf "signal %d" n
  | Unix.WSTOPPED n -> Printf.sprintf "stopped %d" n

let lines text = List.sort compare (String.split_on_char '\n' (String.trim text))

let ends name ?input ~code ~out () =
  let outcome = run ?input name in
  Alcotest.(check string)
    ("exit; stderr: " ^ outcome.err)
    (Printf.sprintf "exit %d" code)
    (status outcome.status);
  Alcotest.(check (list string)) "output" (List.sort compare out) (lines outcome.out);
  outcome

let exit_in_child () =
  ignore
    (ends "exit-in-child" ~code:3
       ~out:
         [
           "buffered in the child";
           "buffered in the initial domain";
           "hook of the child";
           "hook of the initial domain";
         ]
       ())

let both_buffers = [ "buffered in the child"; "buffered in the initial domain" ]

let exit_in_joined_child () =
  let { err; _ } = ends "exit-in-joined-child" ~code:4 ~out:both_buffers () in
  check err (contains err ~part:"error in the initial domain")

let exit_while_main_is_busy () =
  ignore (ends "exit-while-main-is-busy" ~code:5 ~out:both_buffers ())

let exit_in_initial_domain () =
  ignore
    (ends "exit-in-initial-domain" ~code:6 ~out:[ "buffered in the initial domain" ] ())

let child_terminates () =
  ignore
    (ends "child-terminates" ~code:0
       ~out:[ "buffered in the child"; "buffered in the initial domain" ]
       ())

let async_exception () =
  let { err; _ } = ends "async-exception" ~code:2 ~out:[ "" ] () in
  check err (contains err ~part:"no promise takes this")

let fork_after_spawn () =
  let { err; _ } = ends "fork-after-spawn" ~code:0 ~out:[ "" ] () in
  check err (contains err ~part:"Lwt_unix.fork");
  check err (contains err ~part:"Lwt_process")

let fork_before_spawn () =
  ignore
    (ends "fork-before-spawn" ~code:0
       ~out:[ "the forked process"; "the forking process" ]
       ())

let standard_channels () =
  let expected =
    List.concat_map
      (fun domain ->
        List.concat_map
          (fun kind ->
            List.init 300 (fun k -> Printf.sprintf "domain %d %s %d" domain kind (k + 1)))
          [ "line"; "printf"; "format"; "formatter" ])
      [ 0; 1; 2; 3 ]
  in
  ignore (ends "standard-channels" ~code:0 ~out:expected ())

let standard_input () =
  ignore (ends "standard-input" ~input:"one\ntwo\n" ~code:0 ~out:[ "read" ] ())

let case name f = Alcotest.test_case name `Quick f

let () =
  Alcotest.run "dlwt programs"
    [
      ( "exit",
        [
          case "in a child, the initial domain in its loop" exit_in_child;
          case "in a child that is being joined" exit_in_joined_child;
          case "in a child, the initial domain busy" exit_while_main_is_busy;
          case "in the initial domain" exit_in_initial_domain;
          case "termination of a child flushes its output" child_terminates;
          case "an exception without a promise" async_exception;
        ] );
      ( "fork",
        [
          case "after a spawn: refused with an explanation" fork_after_spawn;
          case "before: works" fork_before_spawn;
        ] );
      ( "standard channels",
        [ case "output" standard_channels; case "input" standard_input ] );
    ]
