(** The state of a client's connection. Immutable: it arrives with each batch of commands,
    and returns with the replies. *)

type queue = {
  commands : string array list;  (** the last one first *)
  bytes : int;  (** their size *)
  failed : bool;  (** a command was rejected, so none will run *)
}
(** The commands since [MULTI]. *)

type t = {
  id : int;
  resp : int;  (** the version of the protocol, 2 or 3 *)
  name : string;  (** the name that the client has given itself, or [""] *)
  transaction : queue option;
}

val no_commands : queue
(** The queue right after [MULTI]. *)
