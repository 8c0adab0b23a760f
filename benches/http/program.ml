open Lwt.Syntax

let address text =
  match String.rindex_opt text ':' with
  | None -> failwith (Printf.sprintf "%S is not ADDR:PORT" text)
  | Some colon ->
      let port = String.sub text (colon + 1) (String.length text - colon - 1) in
      Unix.ADDR_INET
        (Unix.inet_addr_of_string (String.sub text 0 colon), int_of_string port)

(* Several listeners share a port; the kernel divides the connections among them. *)
let listen address =
  let domain = Unix.domain_of_sockaddr address in
  let socket = Lwt_unix.socket ~cloexec:true domain Unix.SOCK_STREAM 0 in
  Lwt_unix.setsockopt socket Unix.SO_REUSEADDR true;
  Lwt_unix.setsockopt socket Unix.SO_REUSEPORT true;
  let+ () = Lwt_unix.bind socket address in
  Lwt_unix.listen socket 1024;
  socket

let print_address ~name = function
  | Unix.ADDR_INET (host, port) ->
      Printf.printf "%s: listening on %s:%d\n%!" name (Unix.string_of_inet_addr host) port
  | Unix.ADDR_UNIX _ -> ()

let serve_at ~serve ~compute address =
  let* socket = listen address in
  Lwt.map ignore (serve socket ~compute)

(* Serves until the process receives SIGTERM, in this domain and in those that [others] starts, given the address. *)
let run ~name ~serve ~compute ~others address =
  let terminated, terminate = Lwt.task () in
  let on_signal _ = if Lwt.is_sleeping terminated then Lwt.wakeup_later terminate () in
  ignore (Lwt_unix.on_signal Sys.sigterm on_signal : Lwt_unix.signal_handler_id);
  let* socket = listen address in
  let address = Lwt_unix.getsockname socket in
  others address;
  let serving = Lwt.map ignore (serve socket ~compute) in
  print_address ~name address;
  Lwt.pick [ serving; terminated ]

(* The children end with this process, which closes its end of the pipe then. [Unix.fork] would have them share its epoll
   instance and its notifications. *)
let fork_children ~serve ~compute ~processes address =
  let ended, alive = Unix.pipe ~cloexec:true () in
  for _ = 2 to processes do
    if Lwt_unix.fork () = 0 then (
      Unix.close alive;
      let ended = Lwt_unix.wait_read (Lwt_unix.of_unix_file_descr ended) in
      Lwt_main.run (Lwt.pick [ serve_at ~serve ~compute address; ended ]);
      exit 0)
  done

(* As doc/dlwt.md advises, and [Lwt_interop.run] does. One domain is no faster with it. *)
let use_large_minor_heap () = Gc.set { (Gc.get ()) with minor_heap_size = 1 lsl 21 }

(* A port that is free at the moment. *)
let free_port = function
  | Unix.ADDR_INET (host, 0) ->
      let socket = Unix.socket ~cloexec:true Unix.PF_INET Unix.SOCK_STREAM 0 in
      Unix.bind socket (Unix.ADDR_INET (host, 0));
      let address = Unix.getsockname socket in
      Unix.close socket;
      address
  | address -> address

let main ~name serve =
  let listen = ref "127.0.0.1:8080" and rounds = ref 0. and calibrate = ref false in
  let processes = ref 1 and domains = ref 1 in
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
        ("--processes", Arg.Set_int processes, "N Serve in N processes");
        ( "--domains",
          Arg.Set_int domains,
          "N Serve in N domains, which takes a Lwt for several" );
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
    (* Writing to a closed connection then fails with EPIPE. *)
    Sys.set_signal Sys.sigpipe Sys.Signal_ignore;
    let address = free_port (address !listen) in
    fork_children ~serve ~compute ~processes:!processes address;
    let others address =
      if !domains > 1 then use_large_minor_heap ();
      for _ = 2 to !domains do
        let serve () =
          use_large_minor_heap ();
          Lwt_main.run (serve_at ~serve ~compute address)
        in
        ignore (Domain.spawn serve : unit Domain.t)
      done
    in
    Lwt_main.run (run ~name ~serve ~compute ~others address)
