open Benches_harness
open Lwt.Syntax

(* The descriptors that the process needs besides the idle ones. *)
let others = 64

let counts =
  let wanted = 20_000 in
  let most = Rust.descriptors (wanted + others) - others in
  let counts = List.filter (fun n -> n <= most) [ 10; 100; 1_000; 10_000 ] in
  List.sort_uniq Int.compare (min wanted most :: counts)

let beside curve prepare count =
  Bench.operation (Bench.point curve count) (fun () ->
      Loops.watch_idle count;
      prepare ())

let iteration =
  beside "descriptors_iteration" (fun () -> Chains.run ~in_flight:1 Lwt.pause)

(* A byte through a pipe, for which the loop waits. *)
let byte =
  beside "descriptors_byte" (fun () ->
      let reader, writer = Lwt_unix.pipe ~cloexec:true () in
      let byte = Bytes.create 1 in
      Chains.run ~in_flight:1 (fun () ->
          let read = Lwt_unix.read reader byte 0 1 in
          let* _ = Lwt_unix.write writer byte 0 1 in
          Lwt.map ignore read))

let wake_up =
  beside "descriptors_spawn_on" (fun () -> Chains.run ~in_flight:1 (Domains.spawner ()))

let benches =
  List.concat_map (fun curve -> List.map curve counts) [ iteration; byte; wake_up ]
