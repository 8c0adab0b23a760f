(* Messages between two ends of a connection: there is no bus. *)

open Lwt.Syntax

let use () =
  let transport = OBus_transport.loopback () in
  let message =
    OBus_message.method_call ~path:[ "a" ] ~interface:"test.interface" ~member:"member"
      OBus_value.V.[ basic_string "text" ]
  in
  let* () = OBus_transport.send transport message in
  let* received = OBus_transport.recv transport in
  assert (OBus_message.body received = OBus_message.body message);
  OBus_transport.shutdown transport

let () = Domains.run use
