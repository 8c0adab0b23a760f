(** Exceptions that the runtime raises, and with which it rejects promises. *)

type panic = {
  message : string;  (** what [panic!] was given *)
  location : string option;  (** [file:line:column] *)
  backtrace : string option;  (** where [RUST_BACKTRACE] asks for one *)
}

exception Rust_panic of panic

exception
  Rust_error of { message : string; sources : string list; backtrace : string option }

exception Domain_terminated of int
exception Wrong_thread of string

val of_rust : int -> string array -> int -> exn
(** [of_rust kind strings count]: what Rust calls to make one of these; 0 is a panic, 1 an
    error, 2 the end of a domain. *)
