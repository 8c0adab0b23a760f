(** The server and its domains, by way of sockets. *)
