(** Promises of other domains, watched from outside. *)

type 'a t

val promise : ?first:('a -> unit) -> 'a Lwt.t -> 'a t
(** To be called where the promise is at home, and so is [first], when it is fulfilled. *)

val result : 'a t -> ('a, exn) result option
(** What has become of it so far. Any domain. *)

val final : string -> 'a t -> ('a, exn) result
(** What has become of it; fails the test that runs unless it was settled, and once. *)
