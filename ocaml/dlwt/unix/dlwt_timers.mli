(** Timers of a loop: a binary heap ordered by due time, on the monotonic clock. Stopping
    a timer, and starting one that is due later than the others, moves few other timers.

    {[
      let timers = Dlwt_timers.create ()

      let timer =
        Dlwt_timers.start timers ~delay:0.5 ~repeat:false (fun () -> print_endline "due")

      let rec loop () =
        wait_at_most (Dlwt_timers.milliseconds timers);
        Dlwt_timers.run timers;
        loop ()
    ]} *)

type t
type timer

val create : unit -> t
(** Returns an empty set of timers. *)

val start : t -> delay:float -> repeat:bool -> (unit -> unit) -> timer
(** [start t ~delay ~repeat f] has {!run} call [f] after [delay] seconds or, with
    [repeat], every [delay] seconds. *)

val stop : t -> timer -> unit
(** [stop t timer] removes [timer], and drops its function. Does nothing if [timer] has
    been removed already. *)

val milliseconds : t -> int
(** Returns the time until the next timer is due, rounded up, or -1 if there is no timer.
*)

val run : t -> unit
(** Runs the timers that are due, in the order of their due times; those that are due at
    the same time run in the order in which they were started. A timer that is started
    meanwhile, or repeats, is not due again in the same call. *)
