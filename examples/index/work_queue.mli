(** A bounded queue from which all domains take.

    One domain owns it, so it needs no lock: the other domains take an element by sending
    the owner a request. *)

type 'a t

val create : size:int -> 'a t
(** [create ~size] is a queue for up to [size] elements. The calling domain owns it. *)

val add : 'a t -> 'a -> unit Lwt.t
(** [add queue x] adds [x] as soon as there is room. Only for the owner. *)

val close : 'a t -> unit
(** [close queue] makes {!take} return [None] once the queue is empty. Only for the owner.
*)

val take : 'a t -> 'a option Lwt.t
(** [take queue] removes an element as soon as there is one. [None] if the queue is closed
    and empty. Any domain may call it. *)
