(** What commands do, without sockets and domains. *)
