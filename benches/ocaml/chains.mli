(** Chains of operations in a Lwt loop: each starts when the one before has finished. *)

val keep : int -> unit Lwt.t
(** [keep v] stores [v], so that its computation cannot be optimised away. *)

val chain : (unit -> unit Lwt.t) -> int -> unit Lwt.t
(** [chain f n] does [f] [n] times, in one chain. *)

val run : in_flight:int -> (unit -> unit Lwt.t) -> int -> unit
(** [run ~in_flight f n] does [f] [n] times in total, in [in_flight] chains. *)
