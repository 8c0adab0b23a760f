(** Code that knows only Lwt. *)

val sum_later : int list -> int Lwt.t
(** [sum_later l] resolves with the sum of [l], after the loop has run. *)

val current_domain : unit -> int Lwt.t
(** Resolves with the number of the calling domain. *)
