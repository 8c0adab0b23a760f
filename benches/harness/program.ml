let numbers list = String.concat "," (List.map (Printf.sprintf "%.9g") list)

(* Names and units contain no character that JSON and OCaml escape differently. *)
let print (bench : Bench.t) (samples : Measure.samples) =
  let baseline =
    match bench.baseline with
    | None -> "null"
    | Some baseline -> Printf.sprintf "%S" baseline.name
  in
  Printf.printf
    {|{"name":%S,"unit":%S,"micro":%b,"samples":[%s],"baseline":%s,"baseline_samples":[%s]}|}
    bench.name bench.unit bench.micro (numbers samples.own) baseline
    (numbers samples.baseline);
  print_newline ()

let main benches =
  let list = ref false and quick = ref false and times = ref None and names = ref [] in
  let options =
    Arg.align
      [
        ("--list", Arg.Set list, " Print the names of the benchmarks");
        ("--quick", Arg.Set quick, " Only check that the benchmarks run");
        ( "--times",
          Arg.Int (fun n -> times := Some n),
          "N Do the operation N times, and measure nothing" );
      ]
  in
  let usage =
    "Usage: PROGRAM (--list | [--quick | --times N] NAME...)\n\
     Runs benchmarks by name and prints a line of JSON for each."
  in
  Arg.parse options (fun name -> names := name :: !names) usage;
  let find name =
    match List.find_opt (fun (bench : Bench.t) -> bench.name = name) benches with
    | Some bench -> bench
    | None ->
        Printf.eprintf "unknown benchmark %S; --list prints the names\n" name;
        exit 2
  in
  let run bench =
    match !times with
    | Some times -> Measure.repeat bench ~times
    | None -> print bench (Measure.samples ~quick:!quick bench)
  in
  if !list then List.iter (fun (bench : Bench.t) -> print_endline bench.name) benches
  else List.iter run (List.rev_map find !names)
