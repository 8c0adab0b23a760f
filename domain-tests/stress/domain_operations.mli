(** Work for other domains, pools and channels. *)

val all : (Operation.t * int) list
(** The operations, and how often each is chosen. *)

val pool : Operation.t
(** Creates a pool and shuts it down. *)
