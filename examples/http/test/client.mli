(** A client that waits: its calls block. *)

type t

type reply = {
  status : int;
  headers : (string * string) list;  (** with names in lower case *)
  body : string;
}

val connect : Server.t -> t

val close : t -> unit
(** [close client] closes the connection, in the middle of a request too. *)

val send : t -> string -> unit
(** [send client text] sends [text]. Fails with [Unix_error] if the server has closed the
    connection. *)

val shutdown : t -> unit
(** [shutdown client] sends no more. The reply may still arrive. *)

val head : ?headers:string list -> string -> string
(** [head "POST /x"] is the head of such a request. *)

val reply : t -> reply
(** [reply client] is the next reply. Raises [End_of_file] if the connection is closed
    before its end. *)

val reply_head : t -> int * (string * string) list
(** [reply_head client] is the status and the headers of the next reply. *)

val fold_body : t -> (string * string) list -> ('acc -> string -> 'acc) -> 'acc -> 'acc
(** [fold_body client headers f init] folds [f] over the parts of the body that follows a
    head with [headers]. Raises [End_of_file] as {!reply}. *)

val is_closed : t -> bool
(** [is_closed client] waits for another byte, and is whether there is none. *)
