(** Whether this Lwt was built to report runtime events (Lwt 6). *)

val available : bool
