(** Lwt's direct style, where this Lwt has it; as {!Features}. *)

val all : (string * (unit -> unit Lwt.t)) list
