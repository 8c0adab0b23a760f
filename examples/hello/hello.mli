(** The smallest program: one async Rust function, awaited with Lwt. *)
