open Cmdliner

type t = {
  address : string;
  io : Lwt_interop.Pool.tokio;
  domains : int;
  limits : Rust.limits;
  timeout : float;
  deadline : float;
  session_bytes : int;
  upstream : string option;
  recycle : float option;
  rounds_per_us : float option;
}

type command = Serve of t | Calibrate

let checked of_string print is_good what =
  let parse text =
    match of_string text with
    | Some n when is_good n -> Ok n
    | _ -> Error (`Msg (Printf.sprintf "%S is not %s" text what))
  in
  Arg.conv (parse, print)

let count =
  checked int_of_string_opt Format.pp_print_int (fun n -> n > 0) "a number above 0"

let positive =
  checked float_of_string_opt Format.pp_print_float
    (fun x -> x > 0. && x < 1e9)
    "a positive number"

let option kind default name docv doc =
  Arg.(value & opt kind default & info [ name ] ~docv ~doc)

let address =
  option Arg.string "127.0.0.1:8080" "listen" "ADDRESS:PORT"
    "Listen on $(docv). With port 0 the system chooses a free one."

let io =
  option
    (Arg.enum [ ("shared", `Shared); ("own", `Own) ])
    `Shared "io" "KIND"
    "Serve connections on threads of tokio's that all domains share ($(b,shared)), or \
     each domain its own ones on its thread ($(b,own))."

let domains =
  option count
    (Domain.recommended_domain_count ())
    "domains" "N" "Answer requests on $(docv) domains."

let limits =
  let open Term.Syntax in
  let+ connections =
    option count 10_000 "max-connections" "N" "Serve $(docv) connections at a time."
  and+ body_bytes =
    option count 1_048_576 "max-body" "BYTES"
      "Reject a longer body (413), except on the routes that stream it."
  and+ read_timeout =
    option positive 30. "read-timeout" "SECONDS"
      "Reject a request whose headers, body, or next part of a body that is streamed \
       take longer to arrive (408)."
  and+ write_timeout =
    option positive 60. "write-timeout" "SECONDS"
      "Disconnect a client that reads nothing of its response for $(docv) seconds."
  in
  { Rust.connections; body_bytes; read_timeout; write_timeout }

let timeout =
  option positive 10. "timeout" "SECONDS" "Cancel a handler that takes longer (504)."

let deadline =
  option positive 5. "deadline" "SECONDS"
    "After SIGTERM or SIGINT, close connections that take longer to finish. Handlers \
     that still run a second later end with the process. A second signal ends it at \
     once."

let session_bytes =
  option count (256 lsl 20) "max-session-bytes" "BYTES"
    "Store up to $(docv) in all sessions together (507)."

let upstream =
  option
    Arg.(some string)
    None "upstream" "URL" "Forward /proxy/... to $(docv), such as http://127.0.0.1:8081."

let recycle =
  option
    Arg.(some positive)
    None "recycle" "SECONDS"
    "Replace a domain by a new one every $(docv) seconds, to show that no client notices."

let rounds_per_us =
  option
    Arg.(some positive)
    None "rounds-per-us" "N"
    "/compute does $(docv) rounds in a microsecond. Measured by default."

let calibrate =
  let doc = "Print how many rounds /compute does in a microsecond, and exit." in
  Arg.(value & flag & info [ "calibrate" ] ~doc)

let arguments =
  let open Term.Syntax in
  let+ address = address
  and+ io = io
  and+ domains = domains
  and+ limits = limits
  and+ timeout = timeout
  and+ deadline = deadline
  and+ session_bytes = session_bytes
  and+ upstream = upstream
  and+ recycle = recycle
  and+ rounds_per_us = rounds_per_us
  and+ calibrate = calibrate in
  if calibrate then Calibrate
  else
    Serve
      {
        address;
        io;
        domains;
        limits;
        timeout;
        deadline;
        session_bytes;
        upstream;
        recycle;
        rounds_per_us;
      }

let command =
  let exits =
    Cmd.Exit.
      [
        info 0 ~doc:"after SIGTERM or SIGINT. A second signal kills the process.";
        info 1 ~doc:"if it cannot listen or cannot start its domains.";
        info 2 ~doc:"if the command line is wrong.";
      ]
  in
  let man =
    [
      `S Manpage.s_description;
      `P
        "Serves HTTP/1.1. Rust's hyper reads the requests, and each is answered by an \
         OCaml function: on the domain with the fewest under way or, with $(b,--io=own), \
         on the domain that has the connection.";
      `S "ROUTES";
      `I ("GET /", "returns a constant");
      `I ("GET /compute?us=N", "computes for N microseconds, up to a second");
      `I ("GET /sleep?ms=N", "waits for N milliseconds");
      `I ("POST /echo", "returns the JSON document without blanks");
      `I ("POST /count", "counts the bytes and lines of a body of any length");
      `I ("POST /upper", "returns a body of any length in upper case, as it arrives");
      `I ("POST /first-line", "returns the first line of a body of any length");
      `I ("GET /raise, GET /panic", "fail, in OCaml and in Rust: 500");
      `I ("GET /proxy/PATH", "forwards to another server, see $(b,--upstream)");
      `I ("POST /sessions", "starts a session and returns its name");
      `I ("GET, PUT /sessions/NAME/KEY", "read and write values of a session");
      `I ("DELETE /sessions/NAME", "ends a session");
      `I ("GET /stats", "returns counters");
    ]
  in
  Cmd.v
    (Cmd.info "http" ~doc:"a web server with OCaml handlers on every domain" ~exits ~man)
    arguments

let parse () =
  match Cmd.eval_value command with
  | Ok (`Ok command) -> Ok command
  | Ok (`Help | `Version) -> Error 0
  | Error (`Parse | `Term) -> Error 2
  | Error `Exn -> Error Cmd.Exit.internal_error
