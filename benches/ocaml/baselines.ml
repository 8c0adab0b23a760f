open Benches_harness
open Lwt.Infix

let lwt_bind =
  Bench.operation "lwt_bind" ~micro:true (fun () n ->
      for i = 1 to n do
        ignore (Lwt.return i >>= Chains.keep : unit Lwt.t)
      done)

let lwt_wakeup =
  Bench.operation "lwt_wakeup" ~micro:true (fun () n ->
      for i = 1 to n do
        let p, u = Lwt.task () in
        ignore (p >>= Chains.keep : unit Lwt.t);
        Lwt.wakeup u i
      done)

let lwt_pause =
  Bench.operation "lwt_pause" ~micro:true (fun () n ->
      for i = 1 to n do
        ignore (Lwt.pause () >>= fun () -> Chains.keep i : unit Lwt.t);
        Lwt.wakeup_paused ()
      done)

let lwt_cancel =
  Bench.operation "lwt_cancel" ~micro:true (fun () n ->
      for _ = 1 to n do
        let p, _ = Lwt.task () in
        Lwt.cancel p
      done)

external c_call : int -> int = "bench_c_call"

external c_call_noalloc : (int[@untagged]) -> (int[@untagged])
  = "bench_c_call" "bench_c_call"
[@@noalloc]

let c_call =
  Bench.operation "c_call" ~micro:true (fun () n ->
      for i = 1 to n do
        ignore (c_call i : int)
      done)

let c_call_noalloc =
  Bench.operation "c_call_noalloc" ~micro:true (fun () n ->
      for i = 1 to n do
        ignore (c_call_noalloc i : int)
      done)

let local_executor =
  Bench.operation "local_executor" ~micro:true (fun () -> Rust.local_executor)

let tokio_current_thread =
  Bench.operation "tokio_current_thread" ~micro:true (fun () -> Rust.tokio_current_thread)
