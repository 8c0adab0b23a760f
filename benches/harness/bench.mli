(** A benchmark: what is measured, in which unit, and beside what.

    A subject is prepared once in a process, and then sampled many times in turn with its
    floor: what this kind of machine can do drifts too much for figures that were taken at
    different times to be compared. *)

type subject =
  | Operation of { at_least : int; prepare : unit -> int -> unit }
      (** [prepare ()] is what does the operation so many times; a sample takes [at_least]
          so many *)
  | Figure of { rounds : int; prepare : quick:bool -> unit -> float }
      (** [prepare ~quick ()] takes a sample; [rounds] of them in a process *)

type t = {
  name : string;
  unit : string;
  floor : t option;
  micro : bool;  (** runs on one thread, so that its instructions can be counted *)
  subject : subject;
}

val operation :
  ?floor:t -> ?micro:bool -> ?at_least:int -> string -> (unit -> int -> unit) -> t
(** Nanoseconds for one operation. *)

val figure :
  ?floor:t -> ?rounds:int -> unit:string -> string -> (quick:bool -> unit -> float) -> t
(** Anything else. *)

val point : string -> int -> string
(** [point curve x] is the name of a benchmark that measures a curve at one place. *)

val shares : int -> ways:int -> int list
(** [shares n ~ways] is [n] as the sum of so many numbers, as even as they can be. *)
