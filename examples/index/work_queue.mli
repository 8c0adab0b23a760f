(** A bounded queue that all domains take from.

    It lives on one domain, and needs no lock: another domain takes an element by asking
    that one for it. *)

type 'a t

val create : size:int -> 'a t
(** A queue that lives on the calling domain and holds up to [size] elements. *)

val add : 'a t -> 'a -> unit Lwt.t
(** Adds an element once there is room. Only where the queue lives. *)

val close : 'a t -> unit
(** Nothing more will be added. Only where the queue lives. *)

val take : 'a t -> 'a option Lwt.t
(** Takes an element once there is one; [None] when the queue is closed and empty. Any
    domain. *)
