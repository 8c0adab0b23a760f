(** A source of elements that the test controls. *)

type 'a t = {
  mutable sizes : int list;  (** What was asked for in each pull, last first. *)
  mutable pending : 'a Lwt_interop__.Stream_core.batch Lwt.u option;
  mutable closed : int;  (** How many times the stream has closed the source. *)
}

val make :
  ?is_exact:bool -> ?is_cancellable:bool -> unit -> 'a t * 'a Lwt_interop.Stream.t
(** [make ()] is a producer and its stream. The producer does not refer to the stream. *)

val is_asked : 'a t -> bool
(** [is_asked producer] is [true] while a pull is pending. *)

val pulls : 'a t -> int
(** [pulls producer] is the number of pulls so far. *)

val deliver : ?ending:Lwt_interop__.Stream_core.ending -> 'a t -> 'a list -> unit
(** [deliver producer elements] answers the pull that is pending. *)

val finish : 'a t -> unit
val fail : 'a t -> exn -> unit

val pending : string -> 'a Lwt.t -> unit
(** [pending what p] checks that [p] is pending. *)
