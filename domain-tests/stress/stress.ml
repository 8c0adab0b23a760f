open Lwt.Syntax
module Handle = Lwt_interop.Handle
module Pool = Lwt_interop.Pool

(* ---- options *)

let seed = ref 0
let seconds = ref 60.
let domains = ref 6
let patience = ref 120

let options =
  [
    ( "--seed",
      Arg.Set_int seed,
      "N  repeat the decisions of a run (default: another each time)" );
    ("--seconds", Arg.Set_float seconds, "S  how long to go on (default 60)");
    ( "--domains",
      Arg.Set_int domains,
      "N  how many at a time, without their children (default 6)" );
    ("--patience", Arg.Set_int patience, "S  what takes longer hangs (default 120)");
  ]

let usage =
  "stress [OPTION]...\n\n\
   Domains come and go while Rust tasks, messages, cancellations, panics, callbacks, \
   blocking\n\
   jobs and promises are in flight. At the end nothing may be left of it.\n"

let read_options () =
  Arg.parse (Arg.align options) (fun a -> raise (Arg.Bad ("what is " ^ a))) usage;
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
    Printf.sprintf "%6.1f s  %s: %d domains ended, %d acts, %d under way, %d failures"
      (elapsed ()) what (Life.ended ()) (Ledger.begun ()) (Ledger.open_entries ())
      (Ledger.failures ())
  in
  if on_terminal then Printf.printf "\r\027[K%s%!" text else Printf.printf "%s\n%!" text

let line fmt =
  Printf.ksprintf
    (fun text -> Printf.printf "%s%s\n%!" (if on_terminal then "\r\027[K" else "") text)
    fmt

let while_reporting what p =
  let rec tell () =
    let* () = Lwt_unix.sleep (if on_terminal then 0.5 else 5.) in
    progress (what ());
    tell ()
  in
  Lwt.pick [ p; tell () ]

(* ---- the parts of a run *)

(* Domains, [!domains] at a time, and Domain 0 takes part. *)
let busy ~first ~until =
  let number = ref first in
  let rec lives () =
    if elapsed () >= until then Lwt.return_unit
    else (
      incr number;
      let* () = Life.live ~path:[ !seed; !number ] in
      lives ())
  in
  let here = Act.place ~path:[ !seed; first ] (Peers.home ()) in
  let rec acts choice number =
    if elapsed () >= until then Lwt.return_unit
    else
      let* () = Act.perform here ~number (Acts.choose choice) in
      let* () = Lwt_unix.sleep 0.002 in
      acts choice (number + 1)
  in
  let* () =
    Lwt.join (acts (Choice.make here.path) 0 :: List.init !domains (fun _ -> lives ()))
  in
  Act.finish here;
  Lwt.return !number

let quiet_kind = Ledger.kind "waiting until all is quiet"

(* Waits until there is nothing more of what is not wanted. *)
let quiet excess =
  Peers.clear ();
  let left = ref [] in
  let rec wait () =
    left := excess (Census.take ());
    if !left = [] then Lwt.return_unit
    else
      let* () = Lwt_unix.sleep 0.005 in
      wait ()
  in
  Ledger.watched ~domain:0 quiet_kind (fun () ->
      while_reporting
        (fun () -> Printf.sprintf "waiting (%s)" (String.concat ", " !left))
        (wait ()))

let limit_kind = Ledger.kind "more domains than OCaml allows"

(* As many domains as there can be, and one more. *)
let limit () =
  Ledger.watched ~domain:0 limit_kind (fun () ->
      match Pool.create ~domains:1000 () with
      | pool ->
          Ledger.fail "OCaml allows more than 1000 domains";
          Pool.shutdown pool
      | exception Failure why when Expect.is_part why ~part:"OCaml refuses" ->
          Lwt.return_unit
      | exception e ->
          Ledger.fail ("at the limit of domains: " ^ Printexc.to_string e);
          Lwt.return_unit)

(* What the process has from its first use on, and keeps: tokio's workers, and OCaml's threads
   that see to domains and to systhreads. *)
let first_use () =
  let* (_ : string * string) = Rust.on_tokio "" in
  let* () = Lwt_interop.Blocking.run ignore in
  let* () = Lwt_preemptive.detach ignore () in
  Everywhere.on_domain Rust.my_async_func;
  quiet Census.left

(* In kB. OCaml itself keeps about 80 bytes of each domain that has lived. What is in main memory
   varies with how it is cut up. *)
let allocated_slack lived = 1_000 + (lived / 8)
let resident_slack lived = 20_000 + lived

let level what slack before after =
  line "  %s: %d kB after the first third, %d kB at the end" what before after;
  if after > before + slack && not Expect.under_sanitizer then
    Ledger.fail (Printf.sprintf "%s has grown by %d kB" what (after - before))

let check_calls () =
  let t = Lwt_interop.totals () in
  line
    "  calls of Rust that were not ready at once: %d started, %d settled, %d outcomes \
     too late"
    t.calls_started t.calls_resolved t.late_completions;
  if t.calls_started <> t.calls_resolved then Ledger.fail "not every call is settled";
  if Ledger.open_entries () <> 0 then
    Ledger.fail (Printf.sprintf "%d acts are not accounted for" (Ledger.open_entries ()))

let main () =
  ignore (Peers.home () : Handle.t);
  let* () = first_use () in
  let base = Census.take () in
  let run what ~first ~until = while_reporting (fun () -> what) (busy ~first ~until) in
  let third = !seconds /. 3. in
  let* next = run "warming up" ~first:0 ~until:(elapsed () +. third) in
  let* () = quiet (Census.left_or_open ~base) in
  let* () = limit () in
  let* () = quiet (Census.left_or_open ~base) in
  let before = Census.memory () and lived_before = Life.ended () in
  let until = elapsed () +. (2. *. third) in
  (* Once more, in the middle of everything. *)
  let limit_later =
    let* () = Lwt_unix.sleep third in
    limit ()
  in
  let* _ = run "running" ~first:(next + 1) ~until in
  let* () = limit_later in
  let* () = quiet (Census.left_or_open ~base) in
  let after = Census.memory () in
  let* () = quiet (Census.threads ~base) in
  line "%d domains, %d of them at a time; acts by outcome:" (Life.ended ()) (Life.most ());
  line "%s" (Ledger.report ());
  let lived = Life.ended () - lived_before in
  level "memory from malloc" (allocated_slack lived) before.allocated after.allocated;
  level "resident memory" (resident_slack lived) before.resident after.resident;
  check_calls ();
  Lwt.return_unit

let () =
  Native.quiet ();
  read_options ();
  (Lwt.async_exception_hook :=
     fun e -> Ledger.fail ("an exception that nobody handles: " ^ Printexc.to_string e));
  line "stress: seed %d, %g s. %s" !seed !seconds (replay ());
  Ledger.watch ~seconds:!patience ~advice:(replay ());
  Lwt_main.run (main ());
  if Ledger.failures () > 0 then (
    line "%s" (replay ());
    line "stress: 0 passed, %d failed" (Ledger.failures ());
    exit 1)
  else line "stress: 1 passed, 0 failed"
