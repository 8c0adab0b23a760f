type samples = { own : float list; baseline : float list }

let seconds run n =
  let start = Unix.gettimeofday () in
  run n;
  Unix.gettimeofday () -. start

(* Long enough for the clock, and short enough that the machine is the same for the benchmark
   and for its baseline. *)
let enough = 0.02

(* The first runs also warm up. A single run may have been long because another process had
   the core, so two of them have to be long enough. *)
let rec size run n =
  if seconds run n >= enough && seconds run n >= enough then n else size run (2 * n)

let sampler ~quick (bench : Bench.t) =
  match bench.subject with
  | Metric { prepare; _ } -> prepare ~quick
  | Operation { at_least; prepare } ->
      let run = prepare () in
      let n = if quick then 20 else size run at_least in
      fun () -> seconds run n /. float_of_int n *. 1e9

let rounds ~quick (bench : Bench.t) =
  match bench.subject with
  | Metric { rounds; _ } -> if quick then 1 else rounds
  | Operation _ -> if quick then 2 else 11

let samples ~quick (bench : Bench.t) =
  let rounds = rounds ~quick bench in
  match bench.baseline with
  | None ->
      let take = sampler ~quick bench in
      { own = List.init rounds (fun _ -> take ()); baseline = [] }
  | Some baseline ->
      let take_baseline = sampler ~quick baseline in
      let take = sampler ~quick bench in
      let before = ref (take_baseline ()) in
      let round _ =
        let own = take () in
        let after = take_baseline () in
        let baseline = (!before +. after) /. 2. in
        before := after;
        (own, baseline)
      in
      let own, baseline = List.split (List.init rounds round) in
      { own; baseline }

let repeat (bench : Bench.t) ~times =
  match bench.subject with Operation { prepare; _ } -> prepare () times | Metric _ -> ()
