(* Events and signals. *)

open Lwt.Syntax

let use () =
  let event, send = Lwt_react.E.create () in
  let doubled =
    Lwt_react.E.map_s (fun x -> Lwt.map (fun () -> 2 * x) (Lwt.pause ())) event
  in
  let stream = Lwt_react.E.to_stream doubled in
  List.iter send [ 1; 2; 3 ];
  let* values = Lwt_stream.nget 3 stream in
  assert (values = [ 2; 4; 6 ]);
  let signal, set = Lwt_react.S.create 0 in
  let* sum =
    Lwt_react.S.map_s (fun x -> Lwt.map (fun () -> x + 1) (Lwt.pause ())) signal
  in
  set 5;
  let* () = Lwt.pause () in
  let* () = Lwt.pause () in
  assert (Lwt_react.S.value sum = 6);
  Lwt.return_unit

let () = Domains.run use
