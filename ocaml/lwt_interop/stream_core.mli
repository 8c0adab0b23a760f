(** The core of streams: a buffer between a source and the calls that wait for elements.

    {!Stream} has the functions for users. Any source of batches can be a stream:

    {[
      open Lwt.Syntax

      let numbers = ref 0

      let pull max =
        let first = !numbers in
        numbers := first + max;
        let elements = Array.init max (fun i -> first + i) in
        Lwt.return { Stream_core.elements; ending = More }

      let source =
        {
          Stream_core.pull = (fun () max -> pull max);
          convert = Fun.id;
          close = (fun () -> print_endline "closed");
          is_exact = false;
          is_cancellable = false;
          is_repeatable = true;
          ends_with_domain = false;
        }

      let () =
        Lwt_main.run
          (let stream = Stream_core.make (Source ((), source)) in
           let* first = Stream_core.next stream in
           let* second = Stream_core.next stream in
           assert ((first, second) = (Some 0, Some 1));
           Stream_core.close stream;
           Lwt.return_unit)
    ]} *)

(** What follows the elements of a batch. *)
type ending = Primitives.ending =
  | More  (** The source can be asked for more. *)
  | Finished
  | Failed of exn

type 'a batch = 'a Primitives.batch = { elements : 'a array; ending : ending }
(** An answer of a source. The array belongs to the stream from now on. *)

type ('s, 'a, 'r) kind = {
  pull : 's -> int -> 'r Lwt.t;
      (** [pull s max] asks for at most [max] elements, which is at least 1. It is called
          only if somebody waits for an element, and not before the previous pull is
          resolved. If its promise is rejected, the stream fails. *)
  convert : 'r -> 'a batch;
      (** Makes a batch of what [pull] has found: with at least one element, unless the
          source has ended. It may be called more than once for the same pull. *)
  close : 's -> unit;
      (** Called on the domain of the stream, when the source has ended or the stream is
          closed. It must neither raise nor mind being called again. *)
  is_exact : bool;
      (** Only as many elements are pulled as one call waits for. Otherwise the stream
          pulls 64 elements, and keeps those that nobody has asked for. *)
  is_cancellable : bool;
      (** A pull is cancelled when nobody waits for an element any more. A pull that is
          cancelled must have taken nothing. *)
  is_repeatable : bool;
      (** [pull] has taken nothing if it raises, so it is called again: the exception may
          be that of a signal handler. Otherwise it is called once, and the stream fails
          with whatever it raises. *)
  ends_with_domain : bool;
      (** A pull that is pending when the domain terminates is rejected with
          [Domain_terminated]. *)
}
(** Where elements of type ['a] come from: the functions of all sources that differ in an
    ['s] only. *)

type 'a source =
  | Source : 's * ('s, 'a, 'r) kind -> 'a source
      (** A source: what its functions are called with, and these. *)

type 'a t
(** See {!Stream.t}. *)

val or_rejected : (int -> 'r Lwt.t) -> int -> 'r Lwt.t
(** [or_rejected f] is [f], but rejects its promise with the exceptions of this library,
    which a second call would raise as well. For a [pull] that is repeatable. *)

val make : ?guard:Primitives.guard -> 'a source -> 'a t
(** [make source] is a stream of the calling domain. [guard] is collected with it. *)

val make_closing : ?elements:'a array -> 'a source -> 'a t
(** [make_closing source] is a stream of the calling domain that begins with [elements],
    and whose source is closed also when the stream is collected or the domain terminates.

    @raise Errors.Wrong_thread
      if the calling thread is not the one that runs the domain's loop. *)

val of_array : 'a array -> 'a t
(** [of_array elements] is a stream of [elements]. The array belongs to the stream from
    now on. *)

val is_exact : 'a t -> bool
(** [is_exact s] is the [is_exact] of the source of [s]. *)

val check : string -> 'a t -> unit
(** [check name s] does nothing if [s] belongs to the calling domain.

    @raise Invalid_argument
      otherwise. The text has the [name] of the function, both domains, and what to do. *)

val check_in_loop : string -> 'a t -> unit
(** [check_in_loop name s] is {!check}, for functions that close [s]: what closes a source
    is used in the loop.

    @raise Errors.Wrong_thread
      if another thread than the calling one runs the domain's loop. *)

val next : 'a t -> 'a option Lwt.t
(** See {!Stream.next}. *)

val next_array : string -> 'a t -> int -> 'a array Lwt.t
(** [next_array name s max] is {!Stream.next_batch}. [name] is the name of the function in
    errors. *)

val pull : 'a t -> int -> 'a batch Lwt.t
(** [pull s max] is a batch of what is buffered, at most [max] elements, and 256 KiB with
    the last of them: see {!Primitives.stream_fitting}. If nothing is buffered, it waits
    for at least one element or the end, in turn with others that wait. Cancelling the
    promise loses nothing. It is rejected only if it is cancelled or the domain
    terminates. *)

val repeatable_pull : 'a t -> int -> 'a batch Lwt.t
(** [repeatable_pull s max] is [or_rejected (pull s) max]. *)

val close : 'a t -> unit
(** See {!Stream.close}. *)

val shut : 'a t -> unit
(** [shut s] is {!Stream.close} without a check of the domain, which must be that of [s].
    Nothing interrupts it: what arrives is raised by the domain's loop. *)

(** {1 Moving}

    {!Handover} makes of these a stream that moves to another domain. *)

val hand_over : 'a t -> ('a t -> 'a array -> 'b) -> 'b
(** [hand_over s make] ends the use of [s], and is [make origin elements]: [origin] is a
    stream with the same source, on the same domain, and [elements] are those that were
    buffered. [make] may be called more than once. If it raises, so does [hand_over], and
    [s] can still be used.

    @raise Invalid_argument
      if [s] belongs to another domain, was moved, or somebody waits for an element. *)

val take_back : 'a t -> 'a array -> (unit -> bool) -> bool
(** [take_back s elements claim] puts [elements] before those of [s], if [claim ()] is
    [true], and is that. Nothing interrupts it between the two, provided that [claim]
    neither allocates nor polls. *)
