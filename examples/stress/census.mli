(** The resources of the process. *)

type t = {
  totals : Lwt_interop.totals;
  descriptors : int;
  memory : int;  (** resident memory, in kB *)
}

val take : unit -> t
(** [take ()] is the resources in use now. *)

val leaks : since:t -> string list Lwt.t
(** [leaks ~since] is the resources that were acquired after [since] and are still in use.
    All other domains must have been joined. Waits up to some seconds for tokio to free
    its own. *)
