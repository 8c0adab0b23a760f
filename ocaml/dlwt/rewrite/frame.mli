(** Reads of the record that holds a module's per-domain state. A function that uses it
    once reads it there; one that uses it several times reads it once, around the smallest
    expression that contains all the uses. *)

type t

val create : Edits.t -> record:string option -> t

val use : t -> int * int -> (string -> string) -> unit
(** [use t span text] replaces the span by [text r], with [r] an expression for the
    record. *)

val expression : t -> int * int -> unit
(** There is an expression of that span. To be called for each, outer ones first. *)

val body : t -> int * int -> (unit -> unit) -> unit
(** [body t span visit]: the span is the body of a function or a branch; [visit] goes
    through it. *)
