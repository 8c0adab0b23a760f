(** Requests and responses. *)

type request = {
  meth : string;
  path : string;
  query : string;  (** what follows [?]; [""] if there is none *)
  headers : (string * string) array;  (** with names in lower case *)
  body : string;
}

type response = { status : int; headers : (string * string) array; body : string }

val text : ?status:int -> string -> response
(** [text line] is a response with a line of text. [status] is 200 by default. *)

val json : ?status:int -> string -> response
(** [json body] is a response with a JSON document. [status] is 200 by default. *)

val parameter : request -> string -> string option
(** [parameter request "ms"] is [Some "5"] if the request is for [/sleep?ms=5]. *)
