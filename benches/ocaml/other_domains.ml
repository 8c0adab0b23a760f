open Benches_harness
open Lwt_interop

let counts = [ 0; 1; 2; 4; 8; 16; 32; 64 ]
let few = [ 0; 8; 64 ]

(* Starts [idle] domains that call Rust once and then sleep. *)
let start_idle idle =
  if idle > 0 then
    let pool = Pool.create ~domains:idle () in
    let everywhere = List.init idle (fun i -> Pool.spawn_on pool i Rust.tokio) in
    Lwt_main.run (Lwt.join everywhere)

let beside curve ?at_least prepare idle =
  Bench.operation (Bench.point curve idle) ?at_least (fun () ->
      start_idle idle;
      prepare ())

let ready n =
  for i = 1 to n do
    ignore (Lwt.bind (Rust.ready i) Chains.keep : unit Lwt.t)
  done

let spawn in_flight () = Chains.run ~in_flight (Domains.spawner ())

let operations =
  [
    beside "idle_ready_call" (fun () -> ready);
    beside "idle_yield_call" (fun () -> Chains.run ~in_flight:1 Rust.yield);
    beside "idle_spawn_on_1" (spawn 1);
    beside "idle_spawn_on_1000" ~at_least:1_000 (spawn 1_000);
    beside "idle_minor_collection" (fun () -> Collect.minor);
  ]

(* ---- busy domains *)

(* The busy domains compute until the process exits, with a safe point in each iteration. *)
let collect_beside_busy busy =
  Bench.operation (Bench.point "busy_minor_collection" busy) (fun () ->
      let forever () =
        while true do
          ignore (Sys.opaque_identity ())
        done
      in
      let _busy = List.init busy (fun _ -> Domain.spawn forever) in
      Collect.minor)

let seconds ~quick = if quick then 0.01 else 0.25
let chains = 16

(* Returns the number of handlers done, one after the other, until the time [until]. *)
let rec serve until n =
  if Rust.now () >= until then Lwt.return n
  else Lwt.bind (Scaling.handle ()) (fun () -> serve until (n + 1))

let serve_all pool ~seconds =
  let sum = List.fold_left ( + ) 0 in
  let until = Rust.now () + int_of_float (seconds *. 1e9) in
  let on_domain i =
    Pool.spawn_on pool i (fun () ->
        Lwt.map sum (Lwt.all (List.init chains (fun _ -> serve until 0))))
  in
  sum (Lwt_main.run (Lwt.all (List.init (Pool.size pool) on_domain)))

(* The throughput of handlers on [domains] domains. *)
let busy curve ?(idle = 0) ?minor_heap domains x =
  Bench.metric (Bench.point curve x) ~rounds:5 ~unit:"/s" (fun ~quick ->
      let seconds = seconds ~quick in
      start_idle idle;
      let pool = Pool.create ~domains ?minor_heap () in
      let serve () = serve_all pool ~seconds in
      ignore (serve () : int);
      fun () -> float_of_int (serve ()) /. seconds)

let beside_idle domains idle =
  busy (Printf.sprintf "idle_busy_%d" domains) ~idle domains idle

let with_minor_heap domains kilowords =
  let minor_heap = kilowords * 1024 in
  busy (Printf.sprintf "minor_heap_busy_%d" domains) ~minor_heap domains kilowords

let minor_heaps = [ 8; 32; 256; 1024; 8192 ]

let benches =
  let curves = List.concat_map (fun (xs, curve) -> List.map curve xs) in
  curves (List.map (fun curve -> (counts, curve)) operations)
  @ curves [ ([ 0; 1; 2; 4; 8 ], collect_beside_busy) ]
  @ curves [ (few, beside_idle 1); (few, beside_idle 2) ]
  @ curves [ (minor_heaps, with_minor_heap 1); (minor_heaps, with_minor_heap 2) ]
