(** Rust values, and the calls of threads, while domains come and go and sleep. *)
