type samples = { own : float list; floor : float list }

let seconds run n =
  let start = Unix.gettimeofday () in
  run n;
  Unix.gettimeofday () -. start

(* Long enough for the clock, short enough that the floor sees the same conditions. *)
let enough = 0.02

(* The first runs warm up as well. Once can be chance: something else had the core. *)
let rec size run n =
  if seconds run n >= enough && seconds run n >= enough then n else size run (2 * n)

let sampler ~quick (bench : Bench.t) =
  match bench.subject with
  | Figure { prepare; _ } -> prepare ~quick
  | Operation { at_least; prepare } ->
      let run = prepare () in
      let n = if quick then 20 else size run at_least in
      fun () -> seconds run n /. float_of_int n *. 1e9

let rounds ~quick (bench : Bench.t) =
  match bench.subject with
  | Figure { rounds; _ } -> if quick then 1 else rounds
  | Operation _ -> if quick then 2 else 11

let samples ~quick (bench : Bench.t) =
  let rounds = rounds ~quick bench in
  match bench.floor with
  | None ->
      let take = sampler ~quick bench in
      { own = List.init rounds (fun _ -> take ()); floor = [] }
  | Some floor ->
      let take_floor = sampler ~quick floor in
      let take = sampler ~quick bench in
      let before = ref (take_floor ()) in
      let round _ =
        let own = take () in
        let after = take_floor () in
        let floor = (!before +. after) /. 2. in
        before := after;
        (own, floor)
      in
      let own, floor = List.split (List.init rounds round) in
      { own; floor }

let repeat (bench : Bench.t) ~times =
  match bench.subject with Operation { prepare; _ } -> prepare () times | Figure _ -> ()
