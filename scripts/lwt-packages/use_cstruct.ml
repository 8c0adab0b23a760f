(* A pipe. *)

open Lwt.Syntax

let use () =
  let input, output = Lwt_unix.pipe ~cloexec:true () in
  let writing =
    Lwt_cstruct.complete (Lwt_cstruct.write output) (Cstruct.of_string "abcde")
  in
  let buffer = Cstruct.create 5 in
  let* () = Lwt_cstruct.complete (Lwt_cstruct.read input) buffer in
  assert (Cstruct.to_string buffer = "abcde");
  let* () = writing in
  Lwt.join [ Lwt_unix.close input; Lwt_unix.close output ]

let () = Domains.run use
