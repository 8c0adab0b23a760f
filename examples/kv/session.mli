(** What a client has agreed upon with the server. Immutable: it comes with each batch of
    commands, and goes back with the replies. *)

type t = {
  id : int;
  resp : int;  (** the version of the protocol, 2 or 3 *)
  name : string;  (** what the client calls itself; [""] if nothing *)
}
