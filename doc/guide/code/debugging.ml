open Lwt.Syntax
module Handle = Lwt_interop.Handle
module Pool = Lwt_interop.Pool

(* What the program is doing. *)
let report domains =
  let totals = Lwt_interop.totals () in
  let waiting = totals.calls_started - totals.calls_resolved in
  Printf.printf "calls of Rust that wait: %d\n" waiting;
  Printf.printf "tasks: %d, on tokio: %d, messages: %d\n" totals.tasks totals.tokio_tasks
    totals.messages;
  let print domain =
    let stats = Handle.stats domain in
    Printf.printf "domain %d: %d polls, busy %.1f s of %.1f s\n" (Handle.id domain)
      stats.polls stats.busy stats.alive
  in
  List.iter print domains;
  flush stdout

let rec report_on_signal domains =
  let* _signal = Lwt_interop.Signals.wait [ Sys.sigusr1 ] in
  report domains;
  report_on_signal domains

(* The report comes from a domain of its own, which answers even if the other loops do not. *)
let start_reports domains =
  let pool = Pool.create ~domains:1 () in
  Pool.spawn pool (fun () ->
      Lwt.async (fun () -> report_on_signal domains);
      Lwt.return_unit)

let rec compute n = compute (n + 1)

let fail = function
  | "panic" -> Lwt.map ignore (Rust.index_out_of_bounds ())
  | "error" -> Lwt.map ignore (Rust.parse_nothing ())
  | "never" -> Rust.wait_for_ever ()
  | "lock" -> Rust.lock_twice ()
  | "compute" -> compute 0
  | "report" ->
      let (_ : unit Lwt.t) = Rust.wait_for_ever () in
      Lwt.return (report [ Handle.current () ])
  | name -> Lwt.fail_with ("there is no test " ^ name)

let main () =
  let* () = start_reports [ Handle.current () ] in
  fail Sys.argv.(1)

let () = Lwt_main.run (main ())
