(** Direct style: code in fibers, which awaits promises by performing an effect. *)

module type S = sig
  val name : string
  val spawn : (unit -> 'a) -> 'a Lwt.t
  val await : 'a Lwt.t -> 'a
end

module By_hand : S
(** A handler made from [Effect.Deep] and Lwt only. *)

type _ Effect.t += Ask : int Effect.t

val answering : int -> (unit -> 'a) -> 'a
(** [answering n f] is [f ()], where each [Ask] evaluates to [n]. *)
