(** Rust calls in direct style, by hand and with [Lwt_direct] where this Lwt has it. *)

val cases : scale:int -> Everywhere.case list
