(* Prints columns as wide as their cells: the first left-aligned, the others right-aligned. *)
let table rows =
  let widest widths row =
    List.map2 (fun w cell -> max w (String.length cell)) widths row
  in
  let widths = List.fold_left widest (List.map (fun _ -> 0) (List.hd rows)) rows in
  let print row =
    let cell i (width, text) =
      if i = 0 then Printf.sprintf "%-*s" width text else Printf.sprintf "%*s" width text
    in
    print_endline ("  " ^ String.concat "   " (List.mapi cell (List.combine widths row)))
  in
  List.iter print rows

let percent share = Printf.sprintf "%.0f %%" (100. *. share)
let heading text = Printf.printf "\n%s\n" text
let seconds s = Printf.sprintf "%.2f s" s

let speed ~bytes ~seconds =
  if seconds > 0. then Printf.sprintf "%.1f MB/s" (float_of_int bytes /. seconds /. 1e6)
  else "-"

let sum f (r : Indexer.result) =
  List.fold_left (fun n (d : Indexer.domain) -> n + f d.tally) 0 r.domains

let bytes = sum (fun t -> t.bytes)

let domain (d : Indexer.domain) =
  [
    string_of_int d.id;
    Rust.human_count d.tally.files;
    Rust.human_bytes d.tally.bytes;
    Rust.human_count d.stats.polls;
    Rust.human_count d.stats.messages_in;
    Rust.human_count d.stats.messages_out;
    Rust.human_count d.stats.wakeups;
    percent (d.stats.busy /. d.stats.alive);
  ]

let summary (r : Indexer.result) =
  let total f = Rust.human_count (sum f r) in
  heading "Summary";
  table
    [
      [ "text files"; total (fun t -> t.files) ];
      [ "of them not UTF-8"; total (fun t -> t.repaired) ];
      [ "binary, left out"; total (fun t -> t.binary) ];
      [ "unreadable"; Rust.human_count (List.length r.unreadable) ];
      [ "text"; Rust.human_bytes (bytes r) ];
      [ "words"; total (fun t -> t.words) ];
      [ "distinct words"; Rust.human_count r.distinct ];
      [ "wall time"; seconds r.seconds ];
      [ "speed"; speed ~bytes:(bytes r) ~seconds:r.seconds ];
    ];
  if r.top <> [] then (
    heading "Most frequent words";
    table (List.map (fun (word, n) -> [ word; Rust.human_count n ]) r.top));
  heading "Domains";
  table
    ([ "id"; "files"; "text"; "polls"; "messages in"; "messages out"; "wake-ups"; "busy" ]
    :: List.map domain r.domains)

let comparison ~rounds runs =
  let _, (base : Indexer.result) = List.hd runs in
  let row (domains, (r : Indexer.result)) =
    [
      string_of_int domains;
      seconds r.seconds;
      speed ~bytes:(bytes r) ~seconds:r.seconds;
      Printf.sprintf "%.2f x" (base.seconds /. r.seconds);
    ]
  in
  heading (Printf.sprintf "Comparison, best of %d" rounds);
  table ([ "domains"; "wall time"; "speed"; "speed-up" ] :: List.map row runs)

let shown = 10

let unreadable list =
  List.iteri
    (fun i (path, why) -> if i < shown then Printf.eprintf "index: %s: %s\n" path why)
    (List.sort compare list);
  let more = List.length list - shown in
  if more > 0 then
    Printf.eprintf "index: and %s more could not be read\n" (Rust.human_count more);
  flush stderr
