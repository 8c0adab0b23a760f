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

val name : string
(** The variable that holds the record once it is read. *)

val body : t -> given:bool -> int * int -> (unit -> unit) -> unit
(** [body t ~given span visit]: the span is the body of a function; [visit] goes through
    it. [given]: the function has a parameter {!name}, and does not read. *)

val branch : t -> int * int -> (unit -> unit) -> unit
(** The same for a branch of that function. *)
