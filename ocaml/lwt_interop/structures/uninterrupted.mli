(** Steps that run to their end, whatever exceptions arrive from elsewhere.

    Signal handlers, finalisers, [Gc] alarms and [Memprof] callbacks run wherever OCaml
    allocates or polls, and their exceptions arrive there: also between two instructions
    that belong together, such as taking a message and handling it. A step that is called
    again until it returns does not stop half-way:

    {[
      let queue = Queue.of_seq (List.to_seq [ "first"; "second" ])

      let step () =
        while not (Queue.is_empty queue) do
          print_endline (Queue.peek queue);
          ignore (Queue.pop queue : string)
        done

      let () =
        let failure = Uninterrupted.failure () in
        Uninterrupted.run failure step ();
        assert (Queue.is_empty queue);
        Uninterrupted.raise_any failure
    ]}

    The example may print a line twice, if an exception arrives after the line was
    printed: a step has to be written so that it continues where it was interrupted, and
    so that what it repeats does no harm.

    Code that neither allocates nor polls cannot be interrupted, so what such code has
    taken reaches the step that follows it. {!run} is such code up to the call of the
    step. C functions that are called directly do not let exceptions in either, except
    those that block.

    OCaml polls on entry to a function that has a tail call of a function that it does not
    know. With dune's development profile that is every function of another module, {!run}
    included. So a function that hands over what its caller has taken must not call {!run}
    in tail position:

    {[
      let wake failure queue =
        Sys.opaque_identity (Uninterrupted.run failure Queue.clear queue)
    ]} *)

type failure = private { mutable first : exn; mutable backtrace : Printexc.raw_backtrace }
(** The first of the exceptions that arrived during some steps. *)

val failure : unit -> failure
(** [failure ()] is a failure without an exception. *)

val run : failure -> ('a -> unit) -> 'a -> unit
(** [run failure step x] calls [step x], and calls it again each time that an exception
    leaves it. The first exception goes into [failure], unless that has one. It gives up
    after [Out_of_memory], [Stack_overflow] and ten thousand calls. It never raises. *)

val run2 : failure -> ('a -> 'b -> unit) -> 'a -> 'b -> unit
(** [run2 failure step x y] is [run failure (step x) y], without an allocation before the
    first call. *)

val get : failure -> ('a -> 'b) -> 'a -> 'b
(** [get failure f x] is [f x], which it calls as {!run} calls a step. It raises only what
    it gives up with. *)

val get2 : failure -> ('a -> 'b -> 'c) -> 'a -> 'b -> 'c
(** [get2 failure f x y] is [get failure (f x) y], without an allocation before the first
    call. *)

val attempts : int
(** The number of calls after which {!run} gives up. *)

val again : failure -> exn -> int -> bool
(** [again failure e attempts] is what {!run} does about the exception [e]: it is [true]
    if the step should be called again. For functions that do the same as {!run}. *)

val move : failure -> failure -> unit
(** [move failure other] puts the exception in [failure], if it has one, into [other],
    unless that has one. It neither allocates nor polls. *)

val raise_any : failure -> unit
(** [raise_any failure] raises the exception in [failure], if it has one, and removes it.
*)

val run2_and_raise : failure -> ('a -> 'b -> unit) -> 'a -> 'b -> unit
(** [run2_and_raise failure step x y] is {!run2} and then {!raise_any}. Nothing interrupts
    its caller before [step]. *)
