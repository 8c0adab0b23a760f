(* One logger for all domains, which has a channel. *)

let logger =
  Lwt_main.run
    (Lwt_log.file ~template:"$(message)" ~file_name:(Domains.temporary ".log") ())

let () = Domains.run (fun () -> Lwt_log.error ~logger "a line")
