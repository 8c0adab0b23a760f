(* Programs that have a subscriber of their own. There is one for each process, so the second kind
   of program is this one with an argument. *)

open Lwt.Syntax

let refused = "without the layer"

let with_layer () =
  Rust.logs_subscribe true;
  let reported = ref 0 in
  let report _ _ ~over k _ =
    incr reported;
    over ();
    k ()
  in
  Logs.set_reporter { report };
  Rust.logs_levels "before";
  Lwt_interop_logs.install ~level:(Some Logs.Error) ();
  Rust.logs_levels "with the bridge";
  let* () = Lwt_interop_logs.stop () in
  Rust.logs_levels "after";
  Alcotest.(check int) "other layers see every event" 15 (Rust.logs_seen ());
  Alcotest.(check int) "Logs gets those of its level" 1 !reported;
  Lwt.return_unit

let without_layer () =
  let output =
    Unix.open_process_args_in Sys.executable_name [| Sys.executable_name; refused |]
  in
  let said = In_channel.input_all output in
  let succeeded = Unix.close_process_in output = WEXITED 0 in
  Alcotest.(check bool) said true succeeded

let refuse () =
  Rust.logs_subscribe false;
  match Lwt_interop_logs.install () with
  | () -> failwith "it was installed"
  | exception Failure why ->
      print_endline why;
      let named = "ocaml_lwt_interop::logs_layer()" in
      let rec find i =
        i + String.length named <= String.length why
        && (String.sub why i (String.length named) = named || find (i + 1))
      in
      if not (find 0) then exit 1

let () =
  if Array.mem refused Sys.argv then refuse ()
  else
    let case name f = Alcotest.test_case name `Quick f in
    Alcotest.run "logs subscriber"
      [
        ( "subscriber",
          [
            case "a subscriber with the layer" (fun () -> Lwt_main.run (with_layer ()));
            case "a subscriber without it" without_layer;
          ] );
      ]
