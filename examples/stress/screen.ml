open Lwt.Syntax

type t = {
  title : string;
  lives : Lives.t;
  start : float;
  mutable height : int;  (** of the table on the screen, in lines *)
}

let create ~title lives = { title; lives; start = Unix.gettimeofday (); height = 0 }
let elapsed t = Unix.gettimeofday () -. t.start
let megabytes kb = Printf.sprintf "%.1f MB" (float_of_int kb /. 1000.)

let state { lives = { started; ended; _ }; _ } =
  let { Census.totals; descriptors; memory } = Census.take () in
  let pending = Tally.pending () and failures = Tally.failures () in
  Printf.
    [
      sprintf "domains: %d alive, %d started, %d ended" (started - ended) started ended;
      sprintf "calls: %d pending, %d failures" pending failures;
      sprintf "process: %d roots, %d descriptors, %s" totals.roots descriptors
        (megabytes memory);
    ]

let rows () = List.init (Array.length Calls.names) Tally.row
let sum rows = List.fold_left (List.map2 ( + )) (List.map (fun _ -> 0) Tally.kinds) rows

let lines t =
  let line name cells =
    String.concat "" Printf.(sprintf "%-24s" name :: List.map (sprintf "%11s") cells)
  in
  let numbers name row = line name (List.map string_of_int row) in
  [ Printf.sprintf "%s: %.1f s" t.title (elapsed t); "" ]
  @ [ line "outcomes of calls" Tally.kinds ]
  @ List.map2 numbers (Array.to_list Calls.names) (rows ())
  @ [ numbers "all" (sum (rows ())); "" ]
  @ state t

let print_failures () = List.iter (Printf.printf "failure: %s\n") (Tally.take_failures ())

let table t =
  if t.height > 0 then Printf.printf "\027[%dA\027[J" t.height;
  print_failures ();
  let lines = lines t in
  t.height <- List.length lines;
  Printf.printf "%s\n%!" (String.concat "\n" lines)

let line t =
  print_failures ();
  let count = Printf.sprintf "%d %s" in
  let outcomes = String.concat ", " (List.map2 count (sum (rows ())) Tally.kinds) in
  Printf.printf "%.0f s: %s; %s\n%!" (elapsed t) outcomes (String.concat "; " (state t))

let show t work =
  let draw, period = if Unix.isatty Unix.stdout then (table, 0.2) else (line, 1.) in
  let rec go () =
    draw t;
    let* () = Lwt_unix.sleep period in
    go ()
  in
  let drawing = go () in
  Lwt.finalize (fun () -> work) (fun () -> Lwt.return (Lwt.cancel drawing))
