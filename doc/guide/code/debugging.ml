open Lwt.Syntax
module Handle = Lwt_interop.Handle
module Pool = Lwt_interop.Pool

(* ["answers"] if the loop of the domain runs a function within a second. *)
let answers domain =
  let answer = Handle.spawn domain (fun () -> Lwt.return "answers") in
  let silence = Lwt.map (fun () -> "does not answer") (Lwt_unix.sleep 1.) in
  Lwt.pick [ answer; silence ]

(* Prints counters of the process, and which domains answer. *)
let report domains =
  let totals = Lwt_interop.totals () in
  let waiting = totals.calls_started - totals.calls_resolved in
  let* () = Lwt_io.eprintlf "calls of Rust that wait: %d" waiting in
  let* () =
    Lwt_io.eprintlf "tasks: %d, on tokio: %d, messages: %d" totals.tasks
      totals.tokio_tasks totals.messages
  in
  let print domain =
    let* answer = answers domain in
    Lwt_io.eprintlf "domain %d %s" (Handle.id domain) answer
  in
  Lwt_list.iter_p print domains

let rec report_on_signal domains =
  let* _signal = Lwt_interop.Signals.wait [ Sys.sigusr1 ] in
  let* () = report domains in
  report_on_signal domains

(* The reports come from a domain of their own, so that they come even if the other loops are
   stuck. *)
let start_reports domains =
  let reporter = Pool.create ~domains:1 () in
  let start () =
    Lwt.async (fun () -> report_on_signal domains);
    Lwt.return_unit
  in
  Pool.spawn reporter start

let rec compute n = compute (n + 1)

let fail = function
  | "panic" -> Lwt.map ignore (Rust.index_out_of_bounds ())
  | "error" -> Lwt.map ignore (Rust.parse_nothing ())
  | "never" -> Rust.wait_for_ever ()
  | "lock" -> Rust.lock_twice ()
  | "compute" -> compute 0
  | "report" ->
      let (_ : unit Lwt.t) = Rust.wait_for_ever () in
      report [ Handle.current () ]
  | name -> Lwt.fail_with ("there is no failure " ^ name)

let main () =
  let* () = start_reports [ Handle.current () ] in
  fail Sys.argv.(1)

let () = Lwt_main.run (main ())
