open Lwt.Syntax
module Stream = Lwt_interop.Stream

let main () =
  (* All elements, one after the other. *)
  let* () = Stream.iter (Lwt_io.printf "%d ") (Rust.countdown 5) in
  let* () = Lwt_io.printl "lift-off" in
  (* Some elements: the end of [with_stream] closes the stream, which drops Rust's. *)
  let* first =
    Stream.with_stream (Rust.countdown 1_000_000) (fun stream -> Stream.next stream)
  in
  let* () = Lwt_io.printlf "the first: %d" (Option.get first) in
  (* Rust reads a stream of OCaml's. *)
  let* mean = Rust.mean (Stream.of_list [ 1.; 2.; 6. ]) in
  let* () = Lwt_io.printlf "mean: %g" mean in
  (* Both ways. *)
  let lines = Lwt_stream.of_list [ "one"; ""; "three" ] in
  let* lengths = Stream.to_list (Rust.lengths (Stream.of_lwt_stream lines)) in
  let* () = Lwt_list.iter_s (Lwt_io.printlf "length: %d") lengths in
  (* Many calls of a function, which do not wait for it. *)
  let added = ref 0 in
  let* sum = Rust.sum_below 1_000 (fun n -> added := n) in
  Lwt_io.printlf "sum: %d, added: %d" sum !added

let () = Lwt_main.run (main ())
