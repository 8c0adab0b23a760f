(** Helpers of the tests of pools. *)

val self : unit -> int
(** [self ()] is the number of the calling domain. *)

val with_pool : ?domains:int -> (Lwt_interop.Pool.t -> 'a Lwt.t) -> 'a Lwt.t
(** [with_pool f] is [f pool], for a pool of two domains, or [domains], that is shut down
    afterwards. *)

val invalid : string -> (unit -> 'a) -> unit
(** [invalid what f] fails unless [f ()] raises [Invalid_argument]. *)
