(* Answers each line with its number of words. *)

open Lwt.Syntax
module Pool = Lwt_interop.Pool

(* Configuration: environment variables. *)

type config = { port : int; domains : int; level : Logs.level option; deadline : float }

let setting name parse default =
  match Sys.getenv_opt name with
  | None -> default
  | Some text -> (
      match parse text with
      | Some value -> value
      | None ->
          Printf.eprintf "%s=%s: this value is not allowed\n" name text;
          exit 2)

let config () =
  let within low high n = if n >= low && n <= high then Some n else None in
  let number low high text = Option.bind (int_of_string_opt text) (within low high) in
  {
    port = setting "WORDS_PORT" (number 0 65_535) 7000;
    domains = setting "WORDS_DOMAINS" (number 1 100) (Domain.recommended_domain_count ());
    level =
      setting "WORDS_LOG"
        (fun text -> Result.to_option (Logs.level_of_string text))
        (Some Logs.Info);
    deadline = float_of_int (setting "WORDS_DEADLINE" (number 0 3600) 10);
  }

(* Logging: messages of Rust and of OCaml, of all domains, on standard error. *)

let log = Logs.Src.create "words"

module Log = (val Logs.src_log log)

let start_logging level =
  let mutex = Mutex.create () in
  Logs.set_reporter_mutex
    ~lock:(fun () -> Mutex.lock mutex)
    ~unlock:(fun () -> Mutex.unlock mutex);
  let header ppf (level, _) =
    if level <> Logs.App then Format.fprintf ppf "%a " Logs.pp_level level
  in
  let err = Format.err_formatter in
  Logs.set_reporter (Logs.format_reporter ~pp_header:header ~app:err ~dst:err ());
  Logs.set_level ~all:true level;
  Lwt_interop_logs.install ()

(* The service. Domain 0 has the connections, and the domains of the pool do the work. *)

type service = {
  pool : Pool.t;
  stop : string option Lwt.t;  (** [None], once the service is to stop. *)
  closed : unit Lwt_condition.t;
  mutable connections : int;
  mutable answered : int;
}

let rec answer service input output =
  (* [protected], because [pick] cancels what it does not choose. *)
  let* line = Lwt.pick [ Lwt_io.read_line_opt input; Lwt.protected service.stop ] in
  match line with
  | None -> Lwt.return_unit
  | Some line ->
      let count () = Lwt.return (Rust.words_of line) in
      let* words = Pool.spawn service.pool count in
      let* () = Lwt_io.write_line output (string_of_int words) in
      let* () = Lwt_io.flush output in
      service.answered <- service.answered + 1;
      answer service input output

let serve service _address (input, output) =
  service.connections <- service.connections + 1;
  let+ () =
    Lwt.catch
      (fun () -> answer service input output)
      (fun e ->
        Log.warn (fun m -> m "a connection failed: %s" (Printexc.to_string e));
        Lwt.return_unit)
  in
  service.connections <- service.connections - 1;
  Lwt_condition.broadcast service.closed ()

let rec until_idle service =
  if service.connections = 0 then Lwt.return_unit
  else
    let* () = Lwt_condition.wait service.closed in
    until_idle service

(* Metrics: counters of the service, of its domains and of the runtime. *)

let report service =
  let totals = Lwt_interop.totals () in
  let waiting = totals.calls_started - totals.calls_resolved in
  Log.info (fun m ->
      m "answered: %d, connections: %d, Rust calls that wait: %d" service.answered
        service.connections waiting);
  for i = 0 to Pool.size service.pool - 1 do
    let stats = Lwt_interop.Handle.stats (Pool.handle service.pool i) in
    Log.debug (fun m -> m "domain %d: %d messages" (i + 1) stats.messages_in)
  done

let rec report_every seconds service =
  let* () = Lwt_unix.sleep seconds in
  report service;
  report_every seconds service

(* If the configuration has port 0, the system chooses one. *)
let port_of socket =
  match Lwt_unix.getsockname socket with ADDR_INET (_, port) -> port | ADDR_UNIX _ -> 0

let main config =
  start_logging config.level;
  let pool = Pool.create ~domains:config.domains () in
  (* A second signal ends the process at once. *)
  let signal = Lwt_interop.Signals.wait [ Sys.sigterm; Sys.sigint ] in
  let stop = Lwt.map (fun _ -> None) signal in
  let closed = Lwt_condition.create () in
  let service = { pool; stop; closed; connections = 0; answered = 0 } in
  let address = Unix.(ADDR_INET (inet_addr_loopback, config.port)) in
  let fd = Lwt_unix.socket ~cloexec:true PF_INET SOCK_STREAM 0 in
  let* server = Lwt_io.establish_server_with_client_address ~fd address (serve service) in
  Log.app (fun m -> m "listening on port %d, with %d domains" (port_of fd) config.domains);
  let* (_ : string option) = Lwt.pick [ stop; report_every 60. service ] in
  Log.app (fun m -> m "stopping");
  let* () = Lwt_io.shutdown_server server in
  let* () = Lwt.pick [ until_idle service; Lwt_unix.sleep config.deadline ] in
  report service;
  Pool.shutdown pool ~deadline:1.

let () = Lwt_main.run (main (config ()))
