open Benches_harness
open Lwt.Syntax
open Lwt_interop

let items = List.init 1_000 (fun i -> i * 7919 mod 1009)

(* Takes about 50 us, most of them for short-lived memory, as in a handler of requests. *)
let compute () =
  let sorted = List.sort Int.compare (List.map succ items) in
  List.fold_left ( + ) 0 sorted

let count ~quick = if quick then 50 else 4_000

(* The throughput of [f], which does [n] operations. *)
let rate n f =
  let start = Unix.gettimeofday () in
  f ();
  float_of_int n /. (Unix.gettimeofday () -. start)

(* ---- handlers on the loops of a pool *)

let handle () =
  let* () = Rust.yield () in
  Chains.keep (compute ())

let in_flight = 16

let handlers domains ~quick () =
  let n = count ~quick in
  let pool = Pool.create ~domains () in
  let serve () =
    Lwt.join (List.map (Chains.chain handle) (Bench.shares n ~ways:in_flight))
  in
  let serve_all () =
    Lwt_main.run (Lwt.join (List.init domains (fun i -> Pool.spawn_on pool i serve)))
  in
  serve_all ();
  let rate = rate (domains * n) serve_all in
  Lwt_main.run (Pool.shutdown pool);
  rate

(* ---- plain OCaml domains, and plain threads *)

let plain domains ~quick () =
  let n = count ~quick in
  let work () =
    Minor_heaps.use_that_of_run ();
    for _ = 1 to n do
      ignore (Sys.opaque_identity (compute ()) : int)
    done
  in
  rate (domains * n) (fun () ->
      List.iter Domain.join (List.init domains (fun _ -> Domain.spawn work)))

let cores threads ~quick () =
  let steps = if quick then 10_000 else 100_000_000 in
  rate (threads * steps) (fun () -> Rust.compute threads steps)

(* ---- one and two at a time *)

let pair name take =
  let metric ?baseline n =
    let name = Printf.sprintf "%s_%d" name n in
    Bench.metric name ?baseline ~rounds:5 ~unit:"/s" (take n)
  in
  let one = metric 1 in
  [ one; metric 2 ~baseline:one ]

let benches =
  List.concat [ pair "cores" cores; pair "plain_domains" plain; pair "scale" handlers ]
