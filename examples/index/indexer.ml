open Lwt.Syntax
open Lwt_interop

type tally = { files : int; bytes : int; words : int; repaired : int; binary : int }
type domain = { id : int; tally : tally; stats : Handle.stats }

type result = {
  domains : domain list;
  unreadable : Rust.unreadable list;
  index : (string * int) Seq.t;
  distinct : int;
  top : (string * int) list;
  seconds : float;
}

(* The number of batches of paths that wait for a domain. *)
let queue_size = 1000

(* The number of batches that a domain has at a time: it counts the words of one while the files of
   the others are read. *)
let batches_at_a_time = 4

(* The number of different words with which a domain sends its counts to the owners of the words. *)
let words_to_send = 1 lsl 14

(* A minor collection stops all domains. A minor heap of 8 MB makes collections rare. The setting is
   the domain's own. *)
let minor_heap_words = 1 lsl 20

(* ---- the work of a domain *)

let nothing = { files = 0; bytes = 0; words = 0; repaired = 0; binary = 0 }

let add_text tally text ~words ~repaired =
  {
    tally with
    files = tally.files + 1;
    bytes = tally.bytes + String.length text;
    words = tally.words + words;
    repaired = (tally.repaired + if repaired then 1 else 0);
  }

let work progress queue ~send () =
  Gc.set { (Gc.get ()) with minor_heap_size = minor_heap_words };
  let counts = Counts.create () in
  let tally = ref nothing and unreadable = ref [] in
  let count ~repaired text =
    tally := add_text !tally text ~words:(Words.count counts text) ~repaired;
    String.length text
  in
  let index path content =
    let bytes =
      match content with
      | Ok (Rust.Text text) -> count ~repaired:false text
      | Ok (Repaired text) -> count ~repaired:true text
      | Ok Binary ->
          tally := { !tally with binary = !tally.binary + 1 };
          0
      | Error why ->
          unreadable := (path, why) :: !unreadable;
          0
    in
    Rust.Progress.file_done progress ~bytes
  in
  let rec batches () =
    let* batch = Channel.recv queue in
    match batch with
    | None -> Lwt.return_unit
    | Some paths ->
        let* contents = Rust.read_files paths in
        Array.iter2 index paths contents;
        (* Let other work of the domain run before the next batch. *)
        let* () =
          if Counts.size counts < words_to_send then Lwt.pause () else send counts
        in
        batches ()
  in
  let* () = Lwt.join (List.init batches_at_a_time (fun _ -> batches ())) in
  let* () = send counts in
  Lwt.return (!tally, !unreadable)

(* ---- the shards: domain [i] of the pool owns part of the words, with their total counts *)

let by_word (w1, _) (w2, _) = String.compare w1 w2
let by_count (_, n1) (_, n2) = Int.compare n2 n1
let first n list = List.filteri (fun i _ -> i < n) list

(* Sends counts to the domains that own the words. Waiting until they are merged keeps a domain from
   flooding the others. *)
let send_to_owners pool shards counts =
  let send owner entries =
    Pool.spawn_on pool owner (fun () -> Lwt.return (Counts.merge shards.(owner) entries))
  in
  Lwt.join
    (Array.to_list (Array.mapi send (Counts.take counts ~parts:(Array.length shards))))

let finish_shard shard ~top () =
  let words = Counts.to_array shard in
  Array.stable_sort by_word words;
  let ranking = Array.copy words in
  (* Equally frequent words stay in alphabetical order. *)
  Array.stable_sort by_count ranking;
  Lwt.return (words, Array.to_list (Array.sub ranking 0 (min top (Array.length ranking))))

(* ---- all domains *)

let list_files ?progress queue roots =
  Lwt.finalize
    (fun () -> Rust.list_files roots queue progress)
    (fun () -> Lwt.return (Channel.close queue))

let read_all roots =
  let queue = Channel.create ~capacity:queue_size in
  let read paths = Lwt.map ignore (Rust.read_files paths) in
  let* (_ : Rust.unreadable list) = list_files queue roots
  and* () = Channel.iter read queue in
  Lwt.return_unit

let difference (now : Handle.stats) (before : Handle.stats) =
  {
    Handle.polls = now.polls - before.polls;
    messages_in = now.messages_in - before.messages_in;
    messages_out = now.messages_out - before.messages_out;
    wakeups = now.wakeups - before.wakeups;
    alive = now.alive -. before.alive;
    busy = now.busy -. before.busy;
  }

let run_on pool progress ~top roots =
  let domains = List.init (Pool.size pool) Fun.id in
  let handles = Handle.current () :: List.map (Pool.handle pool) domains in
  let stats_before = List.map Handle.stats handles in
  let start = Unix.gettimeofday () in
  let queue = Channel.create ~capacity:queue_size in
  let shards = Array.init (Pool.size pool) (fun _ -> Counts.create ()) in
  let each f = Lwt.all (List.map (fun i -> Pool.spawn_on pool i (f i)) domains) in
  let listing = list_files ~progress queue roots in
  let working = each (fun _ -> work progress queue ~send:(send_to_owners pool shards)) in
  (* If the workers fail, nobody takes from the queue, and listing would wait for ever. *)
  Lwt.on_failure working (fun _ -> Lwt.cancel listing);
  let* unlisted = listing and* worked = working in
  let* finished = each (fun i -> finish_shard shards.(i) ~top) in
  let seconds = Unix.gettimeofday () -. start in
  let stats = List.map2 difference (List.map Handle.stats handles) stats_before in
  let tallies, unreadable = List.split worked in
  let parts, tops = List.split finished in
  Lwt.return
    {
      domains =
        List.map2
          (fun handle (tally, stats) -> { id = Handle.id handle; tally; stats })
          handles
          (List.combine (nothing :: tallies) stats);
      unreadable = unlisted @ List.concat unreadable;
      index =
        List.fold_left (Seq.sorted_merge by_word) Seq.empty (List.map Array.to_seq parts);
      distinct = List.fold_left (fun n words -> n + Array.length words) 0 parts;
      top = first top (List.stable_sort by_count (List.sort by_word (List.concat tops)));
      seconds;
    }

let run progress ~domains ~top roots =
  let pool =
    try Pool.create ~domains ()
    with Failure why ->
      failwith (Printf.sprintf "%d domains cannot be started: %s" domains why)
  in
  Lwt.finalize (fun () -> run_on pool progress ~top roots) (fun () -> Pool.shutdown pool)
