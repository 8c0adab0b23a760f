(** [Lwt_direct], where this Lwt has it. *)

val all : (module Style.S) list
