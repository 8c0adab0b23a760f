(** Domains that do something together, some of which end in the middle of it. *)

type life = Stays | Leaves

val show_life : life -> string
val gen_life : life QCheck.Gen.t

type t

val muster : (life * (unit -> unit Lwt.t)) list -> t
(** A domain for each function, which is called in its loop; all begin together. Once the
    promise is resolved, a domain that [Leaves] ends, and one that [Stays] goes on with
    its loop.

    Returns when all have done their part, and those that leave have ended. *)

val settles : ?also:Lwt_interop.Handle.t list -> t -> rounds:int -> (unit -> bool) -> bool
(** Whether it holds after at most so many rounds. In each, every domain that stays, and
    those of [also], take all messages that were sent before the round. So no more rounds
    are needed than messages can follow from each other. *)

val dismiss : t -> unit
(** Ends those that stay. *)

val hooked : t -> string list
(** Exceptions that nobody handled. *)

(** {1 In its domains} *)

val pauses : int -> unit Lwt.t
val spin : int -> unit

val cancel_after : int -> 'a Lwt.t -> unit
(** Cancels a promise after so many pauses. *)

val wait_until : (unit -> bool) -> unit
(** Without a loop. *)

(** {1 Tests} *)

val watch : string -> unit
(** Ends the process, and prints the text, unless {!unwatch} is called in time. *)

val unwatch : unit -> unit

val test :
  count:int ->
  name:string ->
  show:('s -> string) ->
  shrink:'s QCheck.Shrink.t ->
  's QCheck.Gen.t ->
  ('s -> unit) ->
  QCheck.Test.t
(** Runs each scenario several times. If one hangs the process is ended, and the scenario
    printed. *)
