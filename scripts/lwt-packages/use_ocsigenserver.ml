(* Its streams only. The server itself keeps its configuration and its connections in global variables. *)

open Lwt.Syntax

let use () =
  let text = String.init 50_000 (fun i -> Char.chr (i land 127)) in
  let path = Domains.temporary ".bin" in
  Out_channel.with_open_bin path (fun file -> output_string file text);
  let stream = Ocsigen_stream.of_file path in
  let* read = Ocsigen_stream.string_of_stream 100_000 (Ocsigen_stream.get stream) in
  assert (read = text);
  Ocsigen_stream.finalize stream `Success

let () = Domains.run use
