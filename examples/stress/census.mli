(** What there is in the process. *)

type t = {
  totals : Lwt_interop.totals;
  descriptors : int;
  memory : int;  (** main memory in use, in kB *)
}

val take : unit -> t

val left : since:t -> string list Lwt.t
(** What is left of all that was begun since, when all other domains have been joined:
    nothing. Gives tokio some seconds to drop what it still has. *)
