(** What handlers read of requests, and make of responses. *)

val text : ?status:int -> string -> Rust.response
(** [text line] is a response with a line of text. [status] is 200 by default. *)

val json : ?status:int -> string -> Rust.response
(** [json body] is a response with a JSON document. [status] is 200 by default. *)

val lines : string Lwt_interop.Stream.t -> Rust.response
(** [lines parts] is a response with a text, whose parts are sent as they come. *)

val events : string Lwt_interop.Stream.t -> Rust.response
(** [events parts] is a response with server-sent events: texts like ["data: 1\n\n"]. *)

val whole : Rust.request -> (string, Rust.unreadable) result Lwt.t
(** [whole request] is the whole body of [request]: see {!Rust.Body.whole}. *)

val parts : Rust.request -> string Lwt_interop.Stream.t
(** [parts request] is the body of [request] as it arrives: see {!Rust.Body.parts}. *)

val unreadable : Rust.unreadable -> Rust.response
(** [unreadable why] is the response to a request whose body cannot be read: 413, 408 or
    400. *)

val parameter : Rust.request -> string -> string option
(** [parameter request "ms"] is [Some "5"] if the request is for [/sleep?ms=5]. *)
