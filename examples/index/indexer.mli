(** Indexes files on several domains. *)

type tally = {
  files : int;  (** counted, whole *)
  bytes : int;  (** of those files *)
  words : int;
  repaired : int;  (** files among them that were not UTF-8 *)
  binary : int;  (** files left out because they are no text *)
}
(** What a domain did. *)

type domain = { id : int; tally : tally; stats : Lwt_interop.Handle.stats }

type result = {
  domains : domain list;  (** Domain 0, which hands out the work, then those that do it *)
  unreadable : Files.unreadable list;
  index : (string * int) Seq.t;
      (** the words with their counts, sorted; may be run again *)
  distinct : int;
  top : (string * int) list;
      (** the most frequent words, and the first of equally frequent ones *)
  seconds : float;
}

val run : Progress.t -> domains:int -> top:int -> string list -> result Lwt.t
(** Indexes the files below some directories on [domains] domains of its own. To be called
    on Domain 0.

    @raise Failure if there cannot be that many domains. *)
