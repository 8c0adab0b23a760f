(* Domains start and terminate while everything is in progress. At the end nothing is left, and every
   call has an outcome; otherwise the exit code is not 0. *)

open Lwt.Syntax
module Handle = Lwt_interop.Handle
module Pool = Lwt_interop.Pool

(* ---- options *)

let seed = ref 0
let seconds = ref 60.
let domains = ref 6
let time_limit = ref 120 (* seconds *)

let options =
  [
    ( "--seed",
      Arg.Set_int seed,
      "N  repeat the decisions of a run (default: another each time)" );
    ("--seconds", Arg.Set_float seconds, "S  the length of the run (default 60)");
    ( "--domains",
      Arg.Set_int domains,
      "N  domains at a time, without their children (default 6)" );
    ( "--time-limit",
      Arg.Set_int time_limit,
      "S  an operation that takes longer hangs (default 120)" );
  ]

let usage =
  "stress [OPTION]...\n\n\
   Domains start and terminate while Rust tasks, messages, cancellations, panics, \
   callbacks,\n\
   blocking functions and promises are in progress. At the end nothing may be left.\n"

let read_options () =
  Arg.parse (Arg.align options) (fun a -> raise (Arg.Bad ("unknown argument " ^ a))) usage;
  if !seed = 0 then
    seed := 1 + (Random.State.bits (Random.State.make_self_init ()) land 0xffffff)

let replay () =
  Printf.sprintf "To repeat its decisions: %s --seed %d --seconds %g --domains %d"
    Sys.executable_name !seed !seconds !domains

(* ---- progress *)

let started = Unix.gettimeofday ()
let elapsed () = Unix.gettimeofday () -. started
let on_terminal = Unix.isatty Unix.stdout

let progress what =
  let text =
    Printf.sprintf
      "%6.1f s  %s: %d domains terminated, %d operations, %d in progress, %d failures"
      (elapsed ()) what (Lifecycle.terminated ()) (Ledger.begun ())
      (Ledger.open_entries ()) (Ledger.failures ())
  in
  if on_terminal then Printf.printf "\r\027[K%s%!" text else Printf.printf "%s\n%!" text

let line fmt =
  Printf.ksprintf
    (fun text -> Printf.printf "%s%s\n%!" (if on_terminal then "\r\027[K" else "") text)
    fmt

let while_reporting what p =
  let rec report () =
    let* () = Lwt_unix.sleep (if on_terminal then 0.5 else 5.) in
    progress (what ());
    report ()
  in
  Lwt.pick [ p; report () ]

(* ---- the phases of a run *)

(* Runs [!domains] domains at a time. Domain 0 performs operations too. *)
let busy ~first ~until =
  let number = ref first in
  let rec run_domains () =
    if elapsed () >= until then Lwt.return_unit
    else (
      incr number;
      let* () = Lifecycle.run ~path:[ !seed; !number ] in
      run_domains ())
  in
  let self = Operation.participant ~path:[ !seed; first ] (Peers.domain_0 ()) in
  let rec operations choice number =
    if elapsed () >= until then Lwt.return_unit
    else
      let* () = Operation.perform self ~number (Operations.choose choice) in
      let* () = Lwt_unix.sleep 0.002 in
      operations choice (number + 1)
  in
  let* () =
    Lwt.join
      (operations (Choice.make self.path) 0
      :: List.init !domains (fun _ -> run_domains ()))
  in
  Operation.finish self;
  Lwt.return !number

let nothing_left_kind = Ledger.kind "waiting until nothing is left"

(* Waits until [excess] of a census is empty. *)
let nothing_left excess =
  Peers.clear ();
  let left = ref [] in
  let rec wait () =
    left := excess (Census.take ());
    if !left = [] then Lwt.return_unit
    else
      let* () = Lwt_unix.sleep 0.005 in
      wait ()
  in
  Ledger.watched ~domain:0 nothing_left_kind (fun () ->
      while_reporting
        (fun () -> Printf.sprintf "waiting (%s)" (String.concat ", " !left))
        (wait ()))

let limit_kind = Ledger.kind "more domains than OCaml allows"

(* A pool of more domains than OCaml allows fails. *)
let limit () =
  Ledger.watched ~domain:0 limit_kind (fun () ->
      match Pool.create ~domains:1000 () with
      | pool ->
          Ledger.fail "OCaml allows 1000 domains";
          Pool.shutdown pool
      | exception Failure why when Expect.is_part why ~part:"OCaml refuses" ->
          Lwt.return_unit
      | exception e ->
          Ledger.fail ("at the limit of domains: " ^ Printexc.to_string e);
          Lwt.return_unit)

(* Starts the threads that the process keeps: those of tokio, and OCaml's own threads for domains and
   systhreads. *)
let first_use () =
  let* (_ : string * string) = Rust.on_tokio "" in
  let* () = Lwt_interop.Blocking.run ignore in
  let* () = Lwt_preemptive.detach ignore () in
  Everywhere.on_domain Rust.my_async_func;
  nothing_left Census.left

(* In kB. OCaml itself keeps about 80 bytes for each domain that has terminated. Resident memory also
   varies with fragmentation. *)
let allocated_slack domains = 1_000 + (domains / 8)
let resident_slack domains = 20_000 + domains

let check_growth what slack before after =
  line "  %s: %d kB after the first third, %d kB at the end" what before after;
  if after > before + slack && not Expect.under_sanitizer then
    Ledger.fail (Printf.sprintf "%s has grown by %d kB" what (after - before))

let check_calls () =
  let t = Lwt_interop.totals () in
  line
    "  calls of Rust that were not ready at once: %d started, %d resolved, %d outcomes \
     too late"
    t.calls_started t.calls_resolved t.late_completions;
  if t.calls_started <> t.calls_resolved then Ledger.fail "not every call is resolved";
  if Ledger.open_entries () <> 0 then
    Ledger.fail (Printf.sprintf "%d operations have no outcome" (Ledger.open_entries ()))

let main () =
  ignore (Peers.domain_0 () : Handle.t);
  let* () = first_use () in
  let base = Census.take () in
  let run what ~first ~until = while_reporting (fun () -> what) (busy ~first ~until) in
  let third = !seconds /. 3. in
  let* next = run "warming up" ~first:0 ~until:(elapsed () +. third) in
  let* () = nothing_left (Census.left_or_open ~base) in
  let* () = limit () in
  let* () = nothing_left (Census.left_or_open ~base) in
  let before = Census.memory () and terminated_before = Lifecycle.terminated () in
  let until = elapsed () +. (2. *. third) in
  (* The limit of domains once more, while operations are in progress. *)
  let limit_later =
    let* () = Lwt_unix.sleep third in
    limit ()
  in
  let* _ = run "running" ~first:(next + 1) ~until in
  let* () = limit_later in
  let* () = nothing_left (Census.left_or_open ~base) in
  let after = Census.memory () in
  let* () = nothing_left (Census.threads ~base) in
  line "%d domains, %d of them at a time; operations by outcome:"
    (Lifecycle.terminated ()) (Lifecycle.most ());
  line "%s" (Ledger.report ());
  let domains = Lifecycle.terminated () - terminated_before in
  check_growth "memory from malloc" (allocated_slack domains) before.allocated
    after.allocated;
  check_growth "resident memory" (resident_slack domains) before.resident after.resident;
  check_calls ();
  Lwt.return_unit

let () =
  Native.quiet ();
  read_options ();
  (Lwt.async_exception_hook :=
     fun e -> Ledger.fail ("an exception that nothing handles: " ^ Printexc.to_string e));
  line "stress: seed %d, %g s. %s" !seed !seconds (replay ());
  Ledger.watch ~seconds:!time_limit ~advice:(replay ());
  Lwt_main.run (main ());
  if Ledger.failures () > 0 then (
    line "%s" (replay ());
    line "stress: 0 passed, %d failed" (Ledger.failures ());
    exit 1)
  else line "stress: 1 passed, 0 failed"
