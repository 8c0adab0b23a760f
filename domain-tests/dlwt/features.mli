(** One promise for each thing that Lwt does; each checks its own result. *)

val all : (string * (unit -> unit Lwt.t)) list
