open Benches_harness
open Lwt.Syntax

(* The quantile [part] of the delays of the operations: 0.5 is the median. *)
let quantile curve ~part ~at_least prepare x =
  Bench.metric (Bench.point curve x) ~rounds:5 ~unit:"ns" (fun ~quick ->
      let run = prepare x in
      let n = max (if quick then 20 else 20_000) at_least in
      let delays = Array.make n 0 and noted = ref 0 in
      let note start =
        delays.(!noted) <- Rust.now () - start;
        incr noted
      in
      fun () ->
        noted := 0;
        run ~note n;
        Array.sort Int.compare delays;
        float_of_int delays.(int_of_float (part *. float_of_int (n - 1))))

let quantiles curve ~at_least prepare =
  let curve suffix part x =
    quantile (curve ^ suffix) ~part ~at_least:(at_least x) prepare x
  in
  [ curve "_median" 0.5; curve "_99" 0.99 ]

(* ---- tasks on another domain *)

let spawn_on in_flight =
  Bench.operation (Bench.point "spawn_on" in_flight) ~at_least:in_flight (fun () ->
      Chains.run ~in_flight (Domains.spawner ()))

let spawn_delays =
  quantiles "spawn_on" ~at_least:(( * ) 4) (fun in_flight ->
      let spawn = Domains.spawner () in
      fun ~note ->
        Chains.run ~in_flight (fun () ->
            let start = Rust.now () in
            let* () = spawn () in
            note start;
            Lwt.return_unit))

(* ---- channels *)

let send capacity =
  Bench.operation (Bench.point "channel" capacity) ~at_least:1_000 (fun () ->
      Channels.sender ~capacity ignore ignore)

(* The delay from just before a message is sent until it is received. *)
let send_delays =
  quantiles "channel" ~at_least:Fun.id (fun capacity ->
      let send = Channels.sender ~capacity in
      fun ~note -> send Rust.now (Option.iter note))

let benches =
  List.concat_map
    (fun curve -> List.map curve [ 1; 10; 100; 1_000; 10_000 ])
    (spawn_on :: spawn_delays)
  @ List.concat_map
      (fun curve -> List.map curve [ 1; 16; 256; 4096 ])
      (send :: send_delays)
