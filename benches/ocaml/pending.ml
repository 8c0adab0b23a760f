open Benches_harness

let counts = [ 1; 1_000; 10_000; 100_000; 1_000_000 ]

(* Measures an operation while [count] other calls stay pending. *)
let beside curve prepare count =
  Bench.operation (Bench.point curve count) (fun () ->
      let others = Array.init count (fun _ -> Rust.never ()) in
      (* Moves them to the major heap. *)
      Gc.full_major ();
      let run = prepare () in
      fun n ->
        run n;
        ignore (Sys.opaque_identity others : unit Lwt.t array))

let yield_beside = beside "pending_yield" (fun () -> Chains.run ~in_flight:1 Rust.yield)
let collect_beside = beside "pending_minor_collection" (fun () -> Collect.minor)

let yield_in_flight count =
  Bench.operation (Bench.point "in_flight_yield" count) ~at_least:count (fun () ->
      Chains.run ~in_flight:count Rust.yield)

let bytes count = Memory.bytes ~count (Bench.point "pending_bytes" count) Rust.never

let benches =
  List.concat_map
    (fun curve -> List.map curve counts)
    [ yield_beside; yield_in_flight; collect_beside ]
  (* The bytes of a single call are too few to measure. *)
  @ List.map bytes (List.tl counts)
