(** Code that knows only Lwt. *)

val sum_later : int list -> int Lwt.t
val here : unit -> int Lwt.t
