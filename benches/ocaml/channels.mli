(** Channels between two domains. *)

val sender : capacity:int -> (unit -> 'a) -> ('a option -> unit) -> int -> unit
(** [sender ~capacity make take] starts a domain that receives from a channel, and returns
    a function that sends. It takes a number [n], sends [make ()] [n] times, and returns
    once [take] was applied to all [n] items on the other domain. *)

val benches : Benches_harness.Bench.t list
