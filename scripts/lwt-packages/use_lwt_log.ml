(* A logger for each domain, and the default logger, which writes to the standard error output. *)

open Lwt.Syntax

let section = Lwt_log.Section.make "use"

let use () =
  let path = Domains.temporary ".log" in
  let* logger = Lwt_log.file ~template:"$(section): $(message)" ~file_name:path () in
  let* () = Lwt_log.error ~section ~logger "a line" in
  let* () = Lwt_log.close logger in
  let* lines = Lwt_io.with_file ~mode:Lwt_io.Input path (fun file -> Lwt_io.read file) in
  assert (lines = "use: a line\n");
  Lwt_log.error ~section "to the default logger"

let () = Domains.run use
