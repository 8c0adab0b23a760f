open Lwt.Syntax

let address text =
  match String.rindex_opt text ':' with
  | None -> failwith (Printf.sprintf "%S is not ADDR:PORT" text)
  | Some colon ->
      let port = String.sub text (colon + 1) (String.length text - colon - 1) in
      Unix.ADDR_INET
        (Unix.inet_addr_of_string (String.sub text 0 colon), int_of_string port)

let listen address =
  let domain = Unix.domain_of_sockaddr address in
  let socket = Lwt_unix.socket ~cloexec:true domain Unix.SOCK_STREAM 0 in
  Lwt_unix.setsockopt socket Unix.SO_REUSEADDR true;
  let+ () = Lwt_unix.bind socket address in
  Lwt_unix.listen socket 1024;
  socket

let print_address ~name socket =
  match Lwt_unix.getsockname socket with
  | Unix.ADDR_INET (host, port) ->
      Printf.printf "%s: listening on %s:%d\n%!" name (Unix.string_of_inet_addr host) port
  | Unix.ADDR_UNIX _ -> ()

let run ~name ~serve ~compute address =
  let terminated, terminate = Lwt.task () in
  let on_signal _ = if Lwt.is_sleeping terminated then Lwt.wakeup_later terminate () in
  ignore (Lwt_unix.on_signal Sys.sigterm on_signal : Lwt_unix.signal_handler_id);
  (* Writing to a closed connection then fails with EPIPE. *)
  Sys.set_signal Sys.sigpipe Sys.Signal_ignore;
  let* socket = listen address in
  print_address ~name socket;
  let serving = Lwt.map ignore (serve socket ~compute) in
  Lwt.pick [ serving; terminated ]

let main ~name serve =
  let listen = ref "127.0.0.1:8080" and rounds = ref 0. and calibrate = ref false in
  let options =
    Arg.align
      [
        ( "--listen",
          Arg.Set_string listen,
          "ADDR:PORT Listen here; port 0 is any free port" );
        ( "--rounds-per-us",
          Arg.Set_float rounds,
          "R Compute R rounds per microsecond; measured by default" );
        ("--calibrate", Arg.Set calibrate, " Measure R, print it, and exit");
      ]
  in
  let unexpected text = raise (Arg.Bad ("unexpected argument " ^ text)) in
  Arg.parse options unexpected (name ^ ", a server that examples/http is compared with");
  let rounds_per_us = if !rounds > 0. then !rounds else Compute.calibrate () in
  if !calibrate then Printf.printf "%.1f\n" rounds_per_us
  else
    let compute us =
      let rounds = Compute.of_us ~rounds_per_us us in
      ignore (Sys.opaque_identity (Compute.run ~rounds) : int)
    in
    Lwt_main.run (run ~name ~serve ~compute (address !listen))
