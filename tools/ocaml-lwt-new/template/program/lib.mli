val greet : string -> string Lwt.t
(** [greet name] is a greeting, which Rust makes on the calling domain. It fails
    with [Lwt_interop.Rust_error] if [name] is empty. *)

val greet_all : string list -> string list Lwt.t
(** [greet_all names] greets each name on a domain of
    [Lwt_interop.Pool.default]. *)
