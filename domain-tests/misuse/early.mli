(** Calls Rust when this module is initialised, which is before [lwt_interop] is. *)

val sync : (int, exn) result
val async : (unit, exn) result
