(** Direct style: code in fibers, which waits for promises by performing an effect. *)

module type S = sig
  val name : string
  val spawn : (unit -> 'a) -> 'a Lwt.t
  val await : 'a Lwt.t -> 'a
end

module By_hand : S
(** With a handler made from nothing but [Effect.Deep] and Lwt. *)

type _ Effect.t += Ask : int Effect.t

val answering : int -> (unit -> 'a) -> 'a
(** Runs a function whose [Ask] is answered with this number. *)
