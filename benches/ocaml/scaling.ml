open Benches_harness
open Lwt.Syntax
open Lwt_interop

let items = List.init 500 (fun i -> i * 7919 mod 1009)

(* About 50 us, most of which goes to short-lived memory, as in a handler of requests. *)
let handle () =
  let* () = Rust.yield () in
  let sorted = List.sort Int.compare (List.map succ items) in
  Chains.keep (List.fold_left ( + ) 0 sorted)

let concurrent = 16

(* Handlers a second. *)
let throughput domains ~quick () =
  let n = if quick then 50 else 4_000 in
  let pool = Pool.create ~domains () in
  let serve () =
    Lwt.join (List.init concurrent (fun _ -> Chains.chain handle (n / concurrent)))
  in
  let serve_all () =
    Lwt_main.run (Lwt.join (List.init domains (fun i -> Pool.spawn_on pool i serve)))
  in
  serve_all ();
  let start = Unix.gettimeofday () in
  serve_all ();
  let seconds = Unix.gettimeofday () -. start in
  Lwt_main.run (Pool.shutdown pool);
  float_of_int (domains * n) /. seconds

let scale ?floor domains =
  Bench.figure
    (Printf.sprintf "scale_%d" domains)
    ?floor ~rounds:5 ~unit:"/s"
    (fun ~quick -> throughput domains ~quick)

let benches =
  let one = scale 1 in
  [ one; scale 2 ~floor:one ]
