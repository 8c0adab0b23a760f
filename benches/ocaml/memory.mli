(** What a pending call occupies. *)

val bytes :
  ?floor:Benches_harness.Bench.t ->
  ?count:int ->
  string ->
  (unit -> unit Lwt.t) ->
  Benches_harness.Bench.t
(** Of one among so many promises that are pending. *)

val benches : Benches_harness.Bench.t list
