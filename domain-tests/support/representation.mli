(** The two representations of a channel: OCaml's, and the one that Rust uses. *)

module type S = sig
  val name : string
  val create : capacity:int -> int Lwt_interop.Channel.t
  val create_pairs : capacity:int -> (int * int) Lwt_interop.Channel.t
end

module Ocaml : S
(** Channels that Rust never sees. *)

module Shared : S
(** Channels that OCaml made and has passed to Rust. *)

module Rust_made : S
(** Channels that Rust made; those of pairs are {!Shared}. *)

val all : (module S) list
(** [all] is the three of them. *)
