(** Inboxes: values for one domain, from any domain.

    {[
      open Lwt.Syntax

      (* Adds the numbers that it receives. *)
      let adder numbers () =
        let sum = ref 0 in
        let* () = Dlwt_inbox.iter (fun n -> Lwt.return (sum := !sum + n)) numbers in
        Lwt.return !sum

      let () =
        Lwt_main.run
          (let numbers = Dlwt_inbox.create ~capacity:100 () in
           let sum = Dlwt_domain.spawn (adder numbers) in
           let* () = Lwt_list.iter_s (Dlwt_inbox.send numbers) [ 1; 2; 3 ] in
           Dlwt_inbox.close numbers;
           let* sum = sum in
           assert (sum = 6);
           Lwt.return_unit)
    ]}

    The first domain that receives from an inbox owns it. Values are received in the order
    in which they were sent. They move to another domain, so they should be immutable, or
    no longer be used by the sender, and must not refer to pending promises.

    When the owner terminates, the inbox is closed and what is in it is dropped. An inbox
    that is never closed is kept until its owner terminates.

    No function may be called in a finaliser, a [Gc] alarm or an OCaml signal handler. *)

type 'a t
(** An inbox for values of type ['a]. *)

exception Closed of string
(** The inbox has been closed, or its owner has terminated. The text says which. *)

val create : ?capacity:int -> unit -> 'a t
(** [create ()] is an empty inbox. With [capacity], senders wait while it has so many
    values.

    @raise Invalid_argument if [capacity] is less than 1. *)

(** {1 Sending} *)

val send : 'a t -> 'a -> unit Lwt.t
(** [send inbox x] resolves when [x] is in [inbox], which is at once if there is room. It
    is rejected with {!Closed} if [inbox] is closed before that. Senders that wait are
    served first in, first out. Cancelling the promise withdraws [x] if it is not in
    [inbox] yet. *)

val post : 'a t -> 'a -> [ `Sent | `Full | `Closed ]
(** [post inbox x] sends [x] if there is room and no sender waits. Every thread of every
    domain may call it, with or without a Lwt loop. *)

(** {1 Receiving}

    These raise [Invalid_argument], with the numbers of both domains, outside the domain
    that owns the inbox. *)

val receive : 'a t -> 'a option Lwt.t
(** [receive inbox] resolves with the oldest value, once there is one for this call, or
    with [None] once [inbox] is closed and empty. A promise that is cancelled has taken no
    value. *)

val iter : ('a -> unit Lwt.t) -> 'a t -> unit Lwt.t
(** [iter f inbox] calls [f] with each value, one after the other. It resolves when
    [inbox] is closed and empty, and is rejected if a promise of [f] is. It yields to the
    domain's loop at least once every 32 values. *)

(** {1 Closing} *)

val close : 'a t -> unit
(** [close inbox] makes [inbox] accept no more values. Senders that wait are rejected with
    {!Closed}. The values in [inbox] can still be received. Every thread of every domain
    may call it. *)

val length : 'a t -> int
(** [length inbox] is the number of values in [inbox]. *)
