open Benches_harness

(* What is used by both OCaml and Rust. A large block of OCaml's comes from [malloc] and
   counts twice; the tables of calls are such blocks, 10 bytes a call. *)
let used () =
  Gc.full_major ();
  ((Gc.stat ()).live_words * (Sys.word_size / 8)) + Rust.malloc_bytes ()

let bytes ?floor name pending =
  Bench.figure name ?floor ~unit:"B" (fun ~quick () ->
      let count = if quick then 2_000 else 200_000 in
      (* What is made once has been made. *)
      Lwt_main.run (Rust.yield ());
      let promises = Array.make count Lwt.return_unit in
      let before = used () in
      Array.iteri (fun i _ -> promises.(i) <- pending ()) promises;
      let after = used () in
      ignore (Sys.opaque_identity promises : unit Lwt.t array);
      float_of_int (after - before) /. float_of_int count)

let lwt_task_bytes = bytes "lwt_task_bytes" (fun () -> fst (Lwt.task ()))
let pending_call_bytes = bytes "pending_call_bytes" ~floor:lwt_task_bytes Rust.never
let benches = [ lwt_task_bytes; pending_call_bytes ]
