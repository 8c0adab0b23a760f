(** Where functions read the record that holds a module's per-domain state. A function
    that uses the record once reads it at that place. One that uses it several times reads
    it once, around the smallest expression that contains all the uses. *)

type t

val create : Edits.t -> record:string option -> t
(** [create edits ~record] adds its changes to [edits]. [record] is the expression that
    reads the record. *)

val use : t -> int * int -> (string -> string) -> unit
(** [use t span text] replaces [span] with [text r], where [r] is an expression for the
    record. *)

val expression : t -> int * int -> unit
(** [expression t span] must be called for each expression, outer ones first. *)

val name : string
(** The variable that holds the record. *)

val body : t -> given:bool -> int * int -> (unit -> unit) -> unit
(** [body t ~given span visit] calls [visit] to visit the body of a function, which is
    [span]. With [given], the function has a parameter {!name} and need not read the
    record. *)

val branch : t -> int * int -> (unit -> unit) -> unit
(** [branch t span visit] does the same for a branch of that function. *)
