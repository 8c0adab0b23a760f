open Lwt.Syntax

let say format = Printf.ksprintf (fun text -> print_endline ("http: " ^ text)) format
let complain format = Printf.ksprintf (fun text -> prerr_endline ("http: " ^ text)) format

(* Longer than this nobody is missing. *)
let idle_session_seconds = 1800.

let termination () =
  let signalled, signal = Lwt.wait () in
  let on_signal _ = if Lwt.is_sleeping signalled then Lwt.wakeup_later signal () in
  List.iter
    (fun s -> ignore (Lwt_unix.on_signal s on_signal : Lwt_unix.signal_handler_id))
    [ Sys.sigterm; Sys.sigint ];
  signalled

let rounds_per_us (config : Options.t) =
  match config.rounds_per_us with Some n -> n | None -> Compute.calibrate ()

let plural n what = Printf.sprintf "%d %s%s" n what (if n = 1 then "" else "s")

let serve (config : Options.t) server =
  let sessions = Sessions.create () in
  let routes =
    {
      Routes.sessions;
      client = Client.create ~max_body:config.limits.body_bytes;
      upstream = config.upstream;
      timeout = config.timeout;
      rounds_per_us = rounds_per_us config;
    }
  in
  let join () = Server.join server (Routes.handle routes) in
  let* crew = Crew.start ~domains:config.domains ~join ~leave:(Server.leave server) in
  say "listening on %s with %s" (Server.address server) (plural config.domains "domain");
  let recycling =
    match config.recycle with
    | Some seconds -> Crew.replace_every crew seconds
    | None -> fst (Lwt.task ())
  in
  let* () =
    Lwt.pick
      [ termination (); recycling; Sessions.forget_idle sessions ~seconds:idle_session_seconds ]
  in
  say "stopping";
  let* cut_off = Server.stop server ~deadline:config.deadline in
  if cut_off > 0 then
    complain "%s cut off after %g s" (plural cut_off "connection") config.deadline;
  Crew.stop crew ~deadline:config.deadline

let main (config : Options.t) =
  (* Rust's libraries expect errors where clients are gone, not a signal. *)
  Sys.set_signal Sys.sigpipe Signal_ignore;
  Lwt_main.run
    (Lwt.try_bind
       (fun () -> Server.listen config.address config.limits)
       (fun server -> Lwt.map (fun () -> 0) (serve config server))
       (function
         | Lwt_interop.Rust_error { message; _ } ->
             complain "cannot listen on %s: %s" config.address message;
             Lwt.return 1
         | e -> Lwt.fail e))

let () =
  exit
    (match Options.parse () with
    | Ok (Serve config) -> main config
    | Ok Calibrate ->
        Printf.printf "%.1f\n" (Compute.calibrate ());
        0
    | Error code -> code)
