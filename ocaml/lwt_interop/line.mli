(** Those who wait, in the order in which they came; any of them may leave. Not safe for
    several threads; {!join}, {!leave} and {!first} neither allocate nor poll. *)

type 'a t

type 'a place = private
  | Nobody
  | Place of { who : 'a; mutable ahead : 'a place; mutable behind : 'a place }

val create : unit -> 'a t

val place : 'a -> 'a place
(** A place for somebody, not yet in a line. *)

val nobody : 'a place

val first : 'a t -> 'a place
(** Who came before all others. *)

val join : 'a t -> 'a place -> unit
(** The place is in no line. [Nobody] does not change the line. *)

val leave : 'a t -> 'a place -> unit
(** The place is in this line. *)
