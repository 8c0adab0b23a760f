(** Splits text into words.

    A word is a run of letters, digits and underscores, 2 to 64 bytes long. ASCII letters
    are counted in lower case. Of what is not ASCII, all is taken for letters but the
    blocks that hold punctuation, symbols and emoji (U+0080-00BF, U+2000-2FFF, and from
    U+E000 on). *)

val count : Counts.t -> string -> int
(** Counts the words of a text in UTF-8, and returns how many there were. *)
