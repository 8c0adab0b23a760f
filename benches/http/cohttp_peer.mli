(** The same with cohttp-lwt-unix, on one domain. *)
