(** [Lwt_direct], where the installed Lwt has it. *)

val all : (module Style.S) list
