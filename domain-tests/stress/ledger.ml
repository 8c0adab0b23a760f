type kind = { number : int; name : string }

let kinds = ref []

let kind name =
  let kind = { number = List.length !kinds; name } in
  kinds := kind :: !kinds;
  kind

let name kind = kind.name

let watch ~seconds ~advice =
  let names = List.rev_map name !kinds in
  Rust.stress_watch (Array.of_list names) seconds advice

let next = Atomic.make 0

let begin_ ~domain kind =
  let number = Atomic.fetch_and_add next 1 in
  Native.begin_ number domain kind.number;
  number

let watched ~domain kind f =
  let number = begin_ ~domain kind in
  Lwt.finalize f (fun () ->
      Native.end_ number;
      Lwt.return_unit)

let mutex = Mutex.create ()
let outcomes : (string * string, int) Hashtbl.t = Hashtbl.create 100
let begun_ = Atomic.make 0
let ended = Atomic.make 0

type entry = { what : kind; number : int }

let enter ~domain what =
  Atomic.incr begun_;
  { what; number = begin_ ~domain what }

let count what outcome =
  Mutex.protect mutex (fun () ->
      let key = (what, outcome) in
      let n = Option.value (Hashtbl.find_opt outcomes key) ~default:0 in
      Hashtbl.replace outcomes key (n + 1))

let leave entry ~outcome =
  Native.end_ entry.number;
  count entry.what.name outcome;
  Atomic.incr ended

let cut_short = "cut short"
let failed = Atomic.make 0

let fail text =
  if Atomic.fetch_and_add failed 1 < 100 then
    Mutex.protect mutex (fun () -> Printf.eprintf "\nstress: FAILED: %s\n%!" text)

let failures () = Atomic.get failed
let begun () = Atomic.get begun_
let open_entries () = Atomic.get begun_ - Atomic.get ended

let report () =
  let lines = Hashtbl.fold (fun key n lines -> (key, n) :: lines) outcomes [] in
  let line ((what, outcome), n) = Printf.sprintf "  %-28s %-18s %8d" what outcome n in
  String.concat "\n" (List.map line (List.sort compare lines))
