(* A web server: Rust's hyper serves the connections, and OCaml answers the requests on every
   domain. *)

open Lwt.Syntax

let log format = Printf.ksprintf (fun text -> print_endline ("http: " ^ text)) format
let warn format = Printf.ksprintf (fun text -> prerr_endline ("http: " ^ text)) format

(* Idle sessions expire after this long. *)
let idle_session_seconds = 1800.

(* The time that handlers have, once their connections were cut off, to clean up. *)
let clean_up_seconds = 1.

let rounds_per_us (config : Options.t) =
  match config.rounds_per_us with Some n -> n | None -> Compute.calibrate ()

let plural n what = Printf.sprintf "%d %s%s" n what (if n = 1 then "" else "s")

let reason = function
  | Failure why -> why
  | Unix.Unix_error (error, call, _) ->
      Printf.sprintf "%s: %s" call (Unix.error_message error)
  | Lwt_interop.Rust_error { message; _ } -> message
  | e -> Printexc.to_string e

(* Rust's, of either kind: see [Options]. *)
type server = {
  address : string;
  join : (Rust.request -> Rust.response Lwt.t) -> unit;
  leave : Lwt_interop.Handle.t -> unit Lwt.t;
  stop : deadline:float -> int Lwt.t;
}

let stop (config : Options.t) server workers =
  let* cut_off = server.stop ~deadline:config.deadline in
  if cut_off > 0 then
    warn "%s cut off after %g s" (plural cut_off "connection") config.deadline;
  let+ ended = Workers.stop workers ~deadline:clean_up_seconds in
  if not ended then (
    warn "a handler does not return; the process ends without it";
    (* [exit] would wait for its domain. *)
    Unix._exit 0)

let serve (config : Options.t) server =
  let sessions = Sessions.create ~max_bytes:config.session_bytes in
  let routes =
    {
      Routes.sessions;
      client = Rust.Client.create ~max_body:config.limits.body_bytes;
      upstream = config.upstream;
      timeout = config.timeout;
      rounds_per_us = rounds_per_us config;
    }
  in
  let join () = server.join (Routes.handle routes) in
  let* workers =
    Workers.start ~domains:config.domains ~tokio:config.io ~join ~leave:server.leave
  in
  (* Before anybody learns that the server runs. A second signal kills. *)
  let terminated = Lwt_interop.Signals.wait [ Sys.sigterm; Sys.sigint ] in
  log "listening on %s with %s" server.address (plural config.domains "domain");
  let recycling =
    match config.recycle with
    | Some seconds ->
        Workers.replace_every workers seconds ~failed:(fun e ->
            warn "cannot replace a domain, will try again: %s" (reason e))
    | None -> fst (Lwt.task ())
  in
  let expiring = Sessions.expire_idle sessions ~seconds:idle_session_seconds in
  let* () = Lwt.pick [ Lwt.map ignore terminated; recycling; expiring ] in
  log "stopping";
  stop config server workers

let bind (config : Options.t) =
  match config.io with
  | `Shared ->
      let open Rust.Server in
      let+ server = listen config.address config.limits in
      {
        address = address server;
        join = join server;
        leave = leave server;
        stop = stop server;
      }
  | `Own ->
      let open Rust.Sharded in
      let+ server = listen config.address ~listeners:config.domains config.limits in
      {
        address = address server;
        join = join server;
        leave = leave server;
        stop = stop server;
      }

let listen (config : Options.t) =
  let refused why =
    Printf.ksprintf failwith "cannot listen on %s: %s" config.address why
  in
  Lwt.catch
    (fun () -> bind config)
    (function
      | Unix.Unix_error (error, _, _) -> refused (Unix.error_message error)
      | Lwt_interop.Rust_error { message; _ } -> refused message
      | e -> Lwt.fail e)

let main config =
  let run () =
    let* server = listen config in
    let+ () = serve config server in
    0
  in
  try Lwt_main.run (run ())
  with (Failure _ | Unix.Unix_error _) as e ->
    warn "%s" (reason e);
    1

let () =
  exit
    (match Options.parse () with
    | Ok (Serve config) -> main config
    | Ok Calibrate ->
        Printf.printf "%.1f\n" (Compute.calibrate ());
        0
    | Error code -> code)
