(** Indexes files on several domains. *)

type tally = {
  files : int;  (** text files *)
  bytes : int;  (** of those files *)
  words : int;
  repaired : int;  (** text files that were not in UTF-8 *)
  binary : int;  (** files that were skipped because they are not text *)
}
(** The work of a domain. *)

type domain = { id : int; tally : tally; stats : Lwt_interop.Handle.stats }

type result = {
  domains : domain list;
      (** Domain 0, which hands out the work, then the worker domains *)
  unreadable : Rust.unreadable list;
  index : (string * int) Seq.t;
      (** the words with their counts, in order; may be used more than once *)
  distinct : int;  (** the number of different words *)
  top : (string * int) list;
      (** the most frequent words; equally frequent ones in alphabetical order *)
  seconds : float;
}

val run : Rust.Progress.t -> domains:int -> top:int -> string list -> result Lwt.t
(** [run progress ~domains ~top roots] indexes the files below [roots] on [domains] new
    domains. To be called on Domain 0.

    @raise Failure if so many domains cannot be started. *)

val read_all : string list -> unit Lwt.t
(** [read_all roots] reads the files below [roots], so that no run that is measured
    afterwards waits for the disk. *)
