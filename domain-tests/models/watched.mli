(** Promises whose outcomes other domains can read. *)

type 'a t
(** A promise that is watched. *)

val promise : ?first:('a -> unit) -> 'a Lwt.t -> 'a t
(** [promise p] watches [p], and must be called on the domain of [p]. When [p] is
    fulfilled, [first] is called with its value before the outcome can be read. *)

val result : 'a t -> ('a, exn) result option
(** [result w] is the outcome, if the promise is resolved. Any domain may call it. *)

val final : string -> 'a t -> ('a, exn) result
(** [final name w] is the outcome. It fails the running test if the promise is pending or
    its callbacks were called more than once. *)
