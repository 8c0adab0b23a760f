(** Operations that an exception interrupts. *)

val cancel : unit Lwt.t -> unit
(** [cancel p] cancels [p], and is interrupted before Lwt has called what is to be called
    then. Lwt calls it later, when a promise is resolved. Call it where no callback of Lwt
    is running: in a function that another domain sends, before its first wait. *)
