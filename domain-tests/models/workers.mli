(** Domains that each carry out a part of a scenario, some of which terminate in the
    middle of it. *)

type life =
  | Stays  (** The domain runs its loop until {!stop}. *)
  | Leaves  (** The domain terminates as soon as its part is done. *)

val show_life : life -> string
(** [show_life life] is the name of [life]. *)

val gen_life : life QCheck.Gen.t
(** [gen_life] is [Stays] twice as often as [Leaves]. *)

type t
(** A set of domains. *)

val start : (life * (unit -> unit Lwt.t)) list -> t
(** [start parts] starts a domain for each part and calls the parts in the domains' loops,
    all at the same time. It returns when the promises of all parts are resolved and the
    domains that leave have terminated. *)

val eventually :
  ?also:Lwt_interop.Handle.t list -> t -> rounds:int -> (unit -> bool) -> bool
(** [eventually workers ~rounds condition] is [true] if [condition ()] is, after at most
    [rounds] rounds. In each round all domains that stay, and those of [also], process the
    messages that were sent to them before the round. So as many rounds are enough as the
    longest chain of messages that follow from each other. *)

val stop : t -> unit
(** [stop workers] terminates the domains that stay. *)

val unhandled : t -> string list
(** [unhandled workers] are the exceptions that no part handled. *)

(** {1 Steps of a part} *)

val pauses : int -> unit Lwt.t
(** [pauses n] calls [Lwt.pause] [n] times, one after the other. *)

val spin : int -> unit
(** [spin n] computes for [n] short steps. *)

val cancel_after : int -> 'a Lwt.t -> unit
(** [cancel_after n p] cancels [p] after [n] pauses. *)

val wait_until : (unit -> bool) -> unit
(** [wait_until condition] blocks until [condition ()] is [true]. *)

(** {1 Tests} *)

val start_watchdog : string -> unit
(** [start_watchdog text] aborts the process with [text] unless {!stop_watchdog} is called
    within a minute. *)

val stop_watchdog : unit -> unit
(** [stop_watchdog ()] stops the watchdog. *)

val test :
  count:int ->
  name:string ->
  show:('s -> string) ->
  shrink:'s QCheck.Shrink.t ->
  's QCheck.Gen.t ->
  ('s -> unit) ->
  QCheck.Test.t
(** [test ~count ~name ~show ~shrink gen check] calls [check] several times with each of
    [count] scenarios of [gen]. If a scenario hangs, the process is aborted with the
    scenario's text. *)
