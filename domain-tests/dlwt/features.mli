(** The features of Lwt. *)

val all : (string * (unit -> unit Lwt.t)) list
(** Each feature has a name and a function that uses it and checks the result. *)
