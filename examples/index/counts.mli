(** Counts of words: a hash table made for counting.

    Counting a word that the table has allocates nothing, so domains that count cause few
    minor collections, which stop all domains. Only one domain at a time may use a table.
*)

type t

type entry = private { word : string; hash : int; mutable count : int }
(** A word, with the hash that the table finds it by. *)

val create : unit -> t

val size : t -> int
(** [size table] is the number of different words. *)

val count : t -> Bytes.t -> length:int -> hash:int -> unit
(** [count table buffer ~length ~hash] counts the word in the first [length] bytes of
    [buffer]. Equal words must have equal hashes. *)

val merge : t -> entry list -> unit
(** [merge table entries] adds the counts of [entries], which were taken from another
    table and belong to [table] afterwards. *)

val take : t -> parts:int -> entry list array
(** [take table ~parts] removes all entries, in [parts] lists. The list of a word depends
    only on its hash. *)

val to_array : t -> (string * int) array
(** [to_array table] is the words and their counts, in no order. *)
