(** Streams that move to another domain.

    {[
      open Lwt.Syntax

      let () =
        Lwt_main.run
          (let moved = Handover.move (Stream_core.of_array [| 1; 2 |]) in
           let stream = Handover.accept moved in
           let* first = Stream_core.next stream in
           assert (first = Some 1);
           Lwt.return_unit)
    ]}

    The source stays on its domain. On the domain that accepts the stream there is another
    one, whose source pulls from the original stream, in messages. *)

type 'a t
(** See {!Stream.moved}. *)

val move : 'a Stream_core.t -> 'a t
(** See {!Stream.move}. *)

val accept : 'a t -> 'a Stream_core.t
(** See {!Stream.accept}. *)
