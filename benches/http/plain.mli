(** HTTP/1.1 as one writes it with Lwt alone: one domain, and [Lwt_io]. *)
