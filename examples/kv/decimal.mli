(** Numbers in decimal digits. *)

val of_int64 : int64 -> string
(** [of_int64 n] is [Int64.to_string n], which formats with the C library's [printf] and
    takes several times as long. *)

val of_int : int -> string
(** [of_int n] is [string_of_int n], likewise. *)
