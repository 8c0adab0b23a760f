(** Splits text into words.

    A word is a run of letters, digits and underscores, 2 to 64 bytes long. ASCII letters
    are counted in lower case. Beyond ASCII, every character is a letter except those of
    the blocks with punctuation, symbols and emoji (U+0080-00BF, U+2000-2FFF, and from
    U+E000 on). *)

val count : Counts.t -> string -> int
(** [count table text] counts the words of [text], which is in UTF-8, and is their number.
*)
