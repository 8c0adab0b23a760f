(** The memory of a pending call. *)

val bytes :
  ?baseline:Benches_harness.Bench.t ->
  ?count:int ->
  string ->
  (unit -> 'a Lwt.t) ->
  Benches_harness.Bench.t
(** [bytes name pending] measures the bytes of one of [count] promises that [pending]
    returns. *)

val benches : Benches_harness.Bench.t list
