open Lwt.Syntax

type t = { totals : Lwt_interop.totals; descriptors : int; memory : int }

let memory () =
  let status = In_channel.with_open_bin "/proc/self/status" In_channel.input_all in
  let is_wanted = String.starts_with ~prefix:"VmRSS:" in
  let line = List.find is_wanted (String.split_on_char '\n' status) in
  Scanf.sscanf line "VmRSS: %d kB" Fun.id

let take () =
  {
    totals = Lwt_interop.totals ();
    descriptors = Array.length (Sys.readdir "/proc/self/fd");
    memory = memory ();
  }

let leaks_now ~since =
  let now = take () in
  let t = now.totals in
  List.filter_map
    (fun (what, n) -> if n = 0 then None else Some (Printf.sprintf "%s: %d" what n))
    [
      ("unresolved calls, by our count", Tally.pending ());
      ("unresolved calls, by Rust's count", t.calls_started - t.calls_resolved);
      ("roots", t.roots);
      ("slots", t.slots);
      ("tasks", t.tasks);
      ("messages", t.messages);
      ("tasks on tokio", t.tokio_tasks);
      ("domains", t.domains - since.totals.domains);
      ("descriptors", now.descriptors - since.descriptors);
    ]

let leaks ~since =
  let deadline = Unix.gettimeofday () +. 5. in
  let rec check () =
    let leaks = leaks_now ~since in
    if leaks = [] || Unix.gettimeofday () > deadline then Lwt.return leaks
    else
      let* () = Lwt_unix.sleep 0.01 in
      check ()
  in
  check ()
