(** A benchmark: an operation or another metric, its unit, and its baseline.

    A benchmark is prepared once in a process, and then sampled many times in turn with
    its baseline. Shared machines drift so much that numbers from different times cannot
    be compared; ratios to a baseline can. *)

type subject =
  | Operation of { at_least : int; prepare : unit -> int -> unit }
      (** [prepare () n] does the operation [n] times. A sample is the time of one
          operation, from at least [at_least] of them. *)
  | Metric of { rounds : int; prepare : quick:bool -> unit -> float }
      (** [prepare ~quick ()] is one sample. A process takes [rounds] samples. *)

type t = {
  name : string;
  unit : string;
  baseline : t option;
  micro : bool;  (** runs on one thread, so that its instructions can be counted *)
  subject : subject;
}

val operation :
  ?baseline:t -> ?micro:bool -> ?at_least:int -> string -> (unit -> int -> unit) -> t
(** [operation name prepare] measures the nanoseconds of one operation. [micro] defaults
    to [false], and [at_least] to 1. *)

val metric :
  ?baseline:t ->
  ?rounds:int ->
  unit:string ->
  string ->
  (quick:bool -> unit -> float) ->
  t
(** [metric ~unit name prepare] measures something else, in [unit]. [rounds] defaults to
    1. *)

val point : string -> int -> string
(** [point curve x] is the name of the benchmark that measures [curve] at [x]. *)

val shares : int -> ways:int -> int list
(** [shares n ~ways] is [n] as a sum of [ways] numbers that differ by at most 1. *)
