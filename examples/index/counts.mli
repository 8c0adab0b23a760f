(** How often each word was seen: a hash table made for counting.

    Asking for a word costs no allocation, so that domains which count leave each other's
    minor collections alone. A table is used by one domain at a time. *)

type t

type entry = private { word : string; hash : int; mutable count : int }
(** A word, with the hash that the table knows it by. *)

val create : unit -> t

val size : t -> int
(** How many different words it has. *)

val count : t -> Bytes.t -> length:int -> hash:int -> unit
(** [count t buffer ~length ~hash] counts one more of the word that the first [length]
    bytes of [buffer] are. Equal words come with equal hashes. *)

val merge : t -> entry list -> unit
(** Adds the counts of entries taken from another table, which become this one's. *)

val take : t -> parts:int -> entry list array
(** Empties the table and deals its entries out to [parts] lists. Which list a word is in
    depends on nothing but its hash. *)

val to_array : t -> (string * int) array
(** The words and their counts, in no order. *)
