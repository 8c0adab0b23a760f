(** Lwt's direct style, which exists from Lwt 6 on. *)

val all : (string * (unit -> unit Lwt.t)) list
(** Like {!Features.all}. Empty before Lwt 6. *)
