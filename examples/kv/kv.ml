(* The command line. *)

open Lwt.Syntax
open Example_kv

let warn format = Printf.ksprintf (fun text -> prerr_endline ("kv: " ^ text)) format

(* Exit codes. *)
let stopped = 0
let not_started = 1
let wrong_usage = 2

let reason = function
  | Failure why -> why
  | Unix.Unix_error (error, call, _) -> call ^ ": " ^ Unix.error_message error
  | e -> Printexc.to_string e

(* Replaces one domain after the other, until [stop]. A domain that cannot be replaced, for
   want of descriptors for example, is tried again. *)
let recycle workers ~domains ~every ~stop =
  let rec go i =
    let* () = Lwt.choose [ Lwt_unix.sleep every; stop ] in
    if not (Lwt.is_sleeping stop) then Lwt.return_unit
    else
      Lwt.try_bind
        (fun () -> Workers.replace workers i)
        (fun () -> go ((i + 1) mod domains))
        (fun e ->
          warn "cannot replace a domain, will try again: %s" (reason e);
          go i)
  in
  go 0

let serve (server : Server.t) workers ~domains ~recycle_every ~grace =
  (* A second signal kills. *)
  let stop = Lwt.map ignore (Lwt_interop.Signals.wait [ Sys.sigterm; Sys.sigint ]) in
  Printf.printf "kv: listening on %s with %d %s\n%!" server.address domains
    (if domains = 1 then "domain" else "domains");
  let recycling =
    match recycle_every with
    | Some every -> recycle workers ~domains ~every ~stop
    | None -> Lwt.return_unit
  in
  let* () = stop in
  let* () = server.stop ~grace in
  recycling

let run ~listen ~io ~limits ~domains ~recycle_every ~grace =
  let* server = Server.listen io ~domains listen limits in
  match server with
  | Ok server ->
      let* workers = Workers.start ~domains server in
      let* () = serve server workers ~domains ~recycle_every ~grace in
      let+ () = Workers.stop workers in
      stopped
  | Error why ->
      warn "cannot listen on %s: %s" listen why;
      Lwt.return not_started

let main listen io domains recycle_every grace max_clients max_bulk write_timeout =
  let limits = { Rust.max_clients; max_bulk; write_timeout } in
  try Lwt_main.run (run ~listen ~io ~limits ~domains ~recycle_every ~grace)
  with (Failure _ | Unix.Unix_error _) as e ->
    warn "%d domains cannot be started: %s" domains (reason e);
    not_started

(* ---- the command line *)

open Cmdliner

let number of_string ~least print =
  let parse text =
    match of_string text with
    | Some n when n >= least -> Ok n
    | _ -> Error (`Msg (Format.asprintf "%S is not a number from %a on" text print least))
  in
  Arg.conv (parse, print)

let count = number int_of_string_opt ~least:1 Format.pp_print_int

let seconds =
  let finite text =
    Option.bind (float_of_string_opt text) (fun s -> if s < 1e9 then Some s else None)
  in
  number finite ~least:0.001 Format.pp_print_float

let option names ~docv ~doc kind default =
  Arg.(value & opt kind default & info names ~docv ~doc)

let listen =
  option [ "listen" ] ~docv:"ADDRESS:PORT" Arg.string "127.0.0.1:6380"
    ~doc:"Listen on $(docv). With port 0 the system chooses a free one."

let io =
  option [ "io" ] ~docv:"KIND"
    (Arg.enum [ ("shared", `Shared); ("own", `Own) ])
    `Shared
    ~doc:
      "Serve connections on threads of tokio's that all domains share ($(b,shared)), or \
       each domain its own ones on its thread ($(b,own))."

let domains =
  option [ "domains" ] ~docv:"N" count
    (Domain.recommended_domain_count ())
    ~doc:"Divide the keys among $(docv) domains."

let recycle_every =
  option [ "recycle" ] ~docv:"SECONDS" (Arg.some seconds) None
    ~doc:
      "Replace a domain by a new one every $(docv) seconds, to show that no client \
       notices."

let grace =
  option [ "grace" ] ~docv:"SECONDS" seconds 5.
    ~doc:"After SIGTERM or SIGINT, wait at most $(docv) seconds for commands under way."

let max_clients =
  option [ "max-clients" ] ~docv:"N" count 10_000
    ~doc:"Serve at most $(docv) clients at a time."

let max_bulk =
  option [ "max-bulk" ] ~docv:"BYTES" count (64 lsl 20)
    ~doc:"Reject keys and values that are longer than $(docv)."

let write_timeout =
  option [ "write-timeout" ] ~docv:"SECONDS" seconds 60.
    ~doc:"Disconnect a client that reads none of its replies for $(docv) seconds."

let command =
  let exits =
    Cmd.Exit.
      [
        info stopped ~doc:"after SIGTERM or SIGINT.";
        info not_started ~doc:"if it cannot listen or cannot start its domains.";
        info wrong_usage ~doc:"if the command line is wrong.";
        info internal_error ~doc:"on an internal error.";
      ]
  in
  let man =
    [
      `S Manpage.s_description;
      `P
        "Stores strings under keys, in memory, and speaks Redis's protocol: \
         $(b,redis-cli -p 6380). Each key belongs to one of the domains, which alone \
         uses it.";
    ]
  in
  Cmd.v
    (Cmd.info "kv" ~doc:"a key-value server on many domains" ~exits ~man)
    Term.(
      const main $ listen $ io $ domains $ recycle_every $ grace $ max_clients $ max_bulk
      $ write_timeout)

let () =
  exit
    (match Cmd.eval_value command with
    | Ok (`Ok code) -> code
    | Ok (`Help | `Version) -> stopped
    | Error (`Parse | `Term) -> wrong_usage
    | Error `Exn -> Cmd.Exit.internal_error)
