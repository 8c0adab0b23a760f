(** A web server: Rust's hyper serves connections, OCaml answers requests on every domain.
*)
