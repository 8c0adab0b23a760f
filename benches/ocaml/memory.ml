open Benches_harness

(* OCaml gets its large blocks from [malloc], the tables of calls among them. So that they count
   once, its heap is looked at when they are there already. *)
let heap_bytes () = (Gc.stat ()).live_words * (Sys.word_size / 8)

let bytes ?floor ?(count = 200_000) name pending =
  Bench.figure name ?floor ~unit:"B" (fun ~quick () ->
      let count = if quick then min count 2_000 else count in
      (* What is made once has been made. *)
      Lwt_main.run (Rust.yield ());
      let promises = Array.make count Lwt.return_unit in
      let used_by used =
        let used () =
          Gc.full_major ();
          used ()
        in
        let before = used () in
        Array.iteri (fun i _ -> promises.(i) <- pending ()) promises;
        let after = used () in
        Array.iter Lwt.cancel promises;
        Array.fill promises 0 count Lwt.return_unit;
        after - before
      in
      let malloc = used_by Rust.malloc_bytes in
      let heap = used_by heap_bytes in
      float_of_int (malloc + heap) /. float_of_int count)

let lwt_task_bytes = bytes "lwt_task_bytes" (fun () -> fst (Lwt.task ()))
let pending_call_bytes = bytes "pending_call_bytes" ~floor:lwt_task_bytes Rust.never
let benches = [ lwt_task_bytes; pending_call_bytes ]
