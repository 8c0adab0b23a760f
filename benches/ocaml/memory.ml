open Benches_harness

(* OCaml allocates large blocks, such as the tables of calls, with [malloc]. The heap is
   measured after [malloc], when these blocks exist already, so that they count once. *)
let heap_bytes () = (Gc.stat ()).live_words * (Sys.word_size / 8)

let bytes ?baseline ?(count = 200_000) name pending =
  Bench.metric name ?baseline ~unit:"B" (fun ~quick () ->
      let count = if quick then min count 2_000 else count in
      (* The first call allocates what all calls share. *)
      Lwt_main.run (Rust.yield ());
      let none = fst (Lwt.wait ()) in
      let promises = Array.make count none in
      let used_by used =
        let used () =
          Gc.full_major ();
          used ()
        in
        let before = used () in
        Array.iteri (fun i _ -> promises.(i) <- pending ()) promises;
        let after = used () in
        Array.iter Lwt.cancel promises;
        Array.fill promises 0 count none;
        after - before
      in
      let malloc = used_by Rust.malloc_bytes in
      let heap = used_by heap_bytes in
      float_of_int (malloc + heap) /. float_of_int count)

let lwt_task_bytes = bytes "lwt_task_bytes" (fun () -> fst (Lwt.task ()))
let pending_call_bytes = bytes "pending_call_bytes" ~baseline:lwt_task_bytes Rust.never
let benches = [ lwt_task_bytes; pending_call_bytes ]
