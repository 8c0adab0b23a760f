(** Channels between two domains. *)

val sender : capacity:int -> (unit -> 'a) -> ('a option -> unit) -> int -> unit
(** Starts a domain that receives; [sender ~capacity make take n] sends [n] items one
    after the other, and waits until all are received. *)

val benches : Benches_harness.Bench.t list
