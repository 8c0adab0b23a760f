(** What the server answers: ordinary Lwt functions. *)

type t = {
  sessions : Sessions.t;
  client : Client.t;
  upstream : string option;  (** where [/proxy/...] leads *)
  timeout : float;  (** seconds for a handler *)
  rounds_per_us : float;  (** see {!Compute} *)
}

val handle : t -> Message.request -> Message.response Lwt.t
(** Any domain. A handler that takes longer than [timeout] is cancelled, and the answer is
    504. *)
