(** Rust calls in direct style: with a handler of our own, and with [Lwt_direct] where the
    installed Lwt has it. *)

val cases : scale:int -> Everywhere.case list
