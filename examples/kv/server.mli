(** The server of Rust's, of either kind: threads of tokio's serve the connections for all
    domains ([`Shared]), or each domain serves its own ones on its thread ([`Own]). *)

type t = {
  tokio : Lwt_interop.Pool.tokio;  (** What its domains need. *)
  address : string;  (** The address that it listens on, with the port. *)
  join : (Rust.session -> Rust.request -> Rust.outcome Lwt.t) -> unit;
      (** [join handler] makes the calling domain answer requests with [handler]. *)
  leave : Lwt_interop.Handle.t -> unit Lwt.t;
      (** [leave domain] gives [domain] no more requests. It is fulfilled when the domain
          has answered those that it has and, with [`Own], has passed its connections on
          to the next domain that has joined. *)
  stop : grace:float -> unit Lwt.t;
      (** [stop ~grace] accepts no more connections, and closes each open one when no
          command of it is under way, or after [grace] seconds. *)
}

val listen :
  Lwt_interop.Pool.tokio ->
  domains:int ->
  string ->
  Rust.limits ->
  (t, string) result Lwt.t
(** [listen tokio ~domains address limits] is a server for [domains] domains on an address
    like [127.0.0.1:6380], or the reason why there is none. With port 0 the system chooses
    a port. Connections wait until a domain has joined. *)
