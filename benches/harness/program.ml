let numbers list = String.concat "," (List.map (Printf.sprintf "%.9g") list)

(* Names and units need no escapes. *)
let print (bench : Bench.t) (samples : Measure.samples) =
  let floor =
    match bench.floor with None -> "null" | Some floor -> Printf.sprintf "%S" floor.name
  in
  Printf.printf
    {|{"name":%S,"unit":%S,"micro":%b,"samples":[%s],"floor":%s,"floor_samples":[%s]}|}
    bench.name bench.unit bench.micro (numbers samples.own) floor (numbers samples.floor);
  print_newline ()

let main benches =
  let list = ref false and quick = ref false and times = ref None and names = ref [] in
  let options =
    Arg.align
      [
        ("--list", Arg.Set list, " Print the names of the benchmarks");
        ("--quick", Arg.Set quick, " Only see that they work");
        ( "--times",
          Arg.Int (fun n -> times := Some n),
          "N Do the operation N times and measure nothing" );
      ]
  in
  let usage = "Runs benchmarks by name and prints a line of JSON for each." in
  Arg.parse options (fun name -> names := name :: !names) usage;
  let find name =
    match List.find_opt (fun (bench : Bench.t) -> bench.name = name) benches with
    | Some bench -> bench
    | None ->
        prerr_endline ("no benchmark is called " ^ name);
        exit 2
  in
  let run bench =
    match !times with
    | Some times -> Measure.repeat bench ~times
    | None -> print bench (Measure.samples ~quick:!quick bench)
  in
  if !list then List.iter (fun (bench : Bench.t) -> print_endline bench.name) benches
  else List.iter run (List.rev_map find !names)
