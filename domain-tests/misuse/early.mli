(** Calls Rust while modules are initialised, before [lwt_interop] is. *)

val sync : (int, exn) result
val async : (unit, exn) result
