let () = Lwt_interop_logs.install ()
