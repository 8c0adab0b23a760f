type t = { name : string; iterations : int; run : int -> unit }

let now = Unix.gettimeofday

let sample t n =
  (* Every round starts with the same heap. *)
  Gc.full_major ();
  let start = now () in
  t.run n;
  (now () -. start) *. 1e9 /. float_of_int n

let samples t ~rounds ~quick =
  let n = if quick then max 1 (t.iterations / 20) else t.iterations in
  t.run (max 1 (n / 4));
  List.init rounds (fun _ -> sample t n)

let report t samples =
  Printf.printf {|{"name":%S,"unit":"ns","samples":[%s]}|} t.name
    (String.concat "," (List.map (Printf.sprintf "%.3f") samples));
  print_newline ()

let main benches =
  let rounds = ref 5 and quick = ref false and iterations = ref 0 and names = ref [] in
  let list () = List.iter (fun t -> print_endline t.name) benches in
  Arg.parse
    [
      ("--list", Arg.Unit list, " Print the names of the benchmarks");
      ("--rounds", Arg.Set_int rounds, "N Take N samples");
      ("--quick", Arg.Set quick, " Make the rounds shorter");
      ("--iterations", Arg.Set_int iterations, "N Do N operations, and measure nothing");
    ]
    (fun name -> names := name :: !names)
    "Usage: micro (--list | NAME) [options]";
  let one name =
    match List.find_opt (fun t -> t.name = name) benches with
    | None ->
        Printf.eprintf "unknown benchmark %S; --list prints the names\n" name;
        exit 2
    | Some t when !iterations > 0 -> t.run !iterations
    | Some t -> report t (samples t ~rounds:!rounds ~quick:!quick)
  in
  List.iter one (List.rev !names)
