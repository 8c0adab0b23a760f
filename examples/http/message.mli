(** Requests and responses. *)

type request = {
  meth : string;
  path : string;
  query : string;  (** what comes after [?], or nothing *)
  headers : (string * string) array;  (** names in lower case *)
  body : string;
}

type response = { status : int; headers : (string * string) array; body : string }

val text : ?status:int -> string -> response
(** A line of text. The status is 200 unless told otherwise. *)

val json : ?status:int -> string -> response

val parameter : request -> string -> string option
(** [parameter request "ms"] is ["5"] of [/sleep?ms=5]. *)
