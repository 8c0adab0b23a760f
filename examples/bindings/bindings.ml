(* Copies a directory into another one: bindings SOURCE TARGET.

   A pool of two domains copies the files, each as a stream, so that long files take no more memory than short ones. The
   source and the target may as well be other services of OpenDAL's. *)

open Lwt.Syntax
open Lwt_opendal
module Stream = Lwt_interop.Stream
module Pool = Lwt_interop.Pool

let copy_entry source target entry =
  match entry.entry_mode with
  | File ->
      let parts = Operator.read_stream source entry.path in
      Operator.write_stream target entry.path parts
  | Dir ->
      let+ () = Operator.create_dir target entry.path in
      0
  | Unknown -> Lwt.return 0

let copy source target =
  let rec go bytes entries =
    let* batch = Stream.next_batch ~max:16 entries in
    if batch = [||] then Lwt.return bytes
    else
      let batch = Array.to_list batch in
      let* lengths = Pool.map (Pool.default ()) (copy_entry source target) batch in
      let line entry length = Lwt_io.printlf "%12d %s" length entry.path in
      let* () = Lwt_list.iter_s (fun (e, n) -> line e n) (List.combine batch lengths) in
      go (List.fold_left ( + ) bytes lengths) entries
  in
  Stream.with_stream (Operator.list source ~recursive:true "/") (go 0)

let main source target () =
  let directory root = Operator.create "fs" [ ("root", root) ] in
  let* bytes = copy (directory source) (directory target) in
  Lwt_io.printlf "%12d bytes" bytes

let () =
  match Sys.argv with
  | [| _; source; target |] -> (
      try Lwt_interop.run ~domains:2 (main source target)
      with Opendal_error { message; _ } ->
        prerr_endline ("bindings: " ^ message);
        exit 1)
  | _ ->
      prerr_endline "usage: bindings SOURCE TARGET";
      exit 2
