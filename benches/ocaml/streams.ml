open Benches_harness
open Lwt.Syntax
open Lwt_interop

(* As [Stream.iter], without a promise for each element's function. *)
let rec consume stream =
  let* element = Stream.next stream in
  match element with
  | None -> Lwt.return_unit
  | Some n ->
      ignore (Sys.opaque_identity n : int);
      consume stream

let lwt_stream =
  Bench.operation "lwt_stream" ~micro:true ~at_least:1_000 (fun () n ->
      let last = ref 0 in
      let stream =
        Lwt_stream.from_direct (fun () ->
            incr last;
            if !last > n then None else Some !last)
      in
      let rec consume () =
        let* element = Lwt_stream.get stream in
        match element with None -> Lwt.return_unit | Some _ -> consume ()
      in
      Lwt_main.run (consume ()))

let crossbeam_channel =
  Bench.operation "crossbeam_channel" ~at_least:10_000 (fun () -> Rust.crossbeam_channel)

let to_ocaml =
  Bench.operation "stream_to_ocaml" ~baseline:lwt_stream ~micro:true ~at_least:1_000
    (fun () n -> Lwt_main.run (consume (Rust.numbers n)))

let from_tokio =
  Bench.operation "stream_from_tokio" ~baseline:crossbeam_channel ~at_least:10_000
    (fun () n -> Lwt_main.run (consume (Rust.numbers_tokio n)))

let to_rust =
  Bench.operation "stream_to_rust" ~baseline:lwt_stream ~micro:true ~at_least:1_000
    (fun () n ->
      let numbers = Stream.of_seq (Seq.init n Fun.id) in
      ignore (Lwt_main.run (Rust.count numbers) : int))

(* The stream, and a [next] that waits. *)
let waiting_bytes =
  Memory.bytes "waiting_stream_bytes" (fun () -> Stream.next (Rust.silent ()))

let benches =
  [ lwt_stream; crossbeam_channel; to_ocaml; from_tokio; to_rust; waiting_bytes ]
