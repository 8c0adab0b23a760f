type t = { totals : Lwt_interop.totals; futures : int; descriptors : int; threads : int }

(* The number in one line of /proc/self/status. *)
let status name =
  let text = In_channel.with_open_text "/proc/self/status" In_channel.input_all in
  let number line =
    try Some (Scanf.sscanf line "%s@: %d" (fun found n -> (found, n)))
    with Scanf.Scan_failure _ | Failure _ | End_of_file -> None
  in
  String.split_on_char '\n' text |> List.filter_map number |> List.assoc name

let take () =
  let totals = Lwt_interop.totals () in
  {
    totals;
    futures = Rust.stress_futures ();
    descriptors = Array.length (Sys.readdir "/proc/self/fd");
    (* Lwt's own threads never end, and those of the blocking pool are compared separately. *)
    threads = status "Threads" - Lwt_unix.thread_count () - totals.blocking_pool_threads;
  }

let differ expected =
  List.filter_map
    (fun (what, expected, found) ->
      if expected = found then None
      else Some (Printf.sprintf "%s: expected %d, found %d" what expected found))
    expected

let left { totals = t; futures; _ } =
  differ
    [
      ("calls that are not resolved", 0, t.calls_started - t.calls_resolved);
      ("roots", 0, t.roots);
      ("slots", 0, t.slots);
      ("tasks", 0, t.tasks);
      ("messages", 0, t.messages);
      ("tasks on tokio", 0, t.tokio_tasks);
      ("domains", 1, t.domains);
      ("functions in the blocking pool's queue", 0, t.blocking_pool_queue);
      ("futures that were not dropped", 0, futures);
    ]

let left_or_open ~base now =
  left now @ differ [ ("descriptors", base.descriptors, now.descriptors) ]

(* Some threads of [base] may have been about to end. *)
let threads ~base now =
  differ
    [
      ("threads", base.threads, max base.threads now.threads);
      ("threads of the blocking pool", 0, now.totals.blocking_pool_threads);
    ]

type memory = { resident : int; allocated : int }

let memory () =
  Gc.compact ();
  let allocated = Rust.stress_allocated () / 1024 in
  { resident = status "VmRSS"; allocated }
