(** Files, from Rust: see [src/lib.rs]. *)

type unreadable = string * string
(** A path, and why it could not be read. *)

val list : string list -> (string array -> unit Lwt.t) -> unreadable list Lwt.t
(** [list roots take] gives [take] the paths of all files below [roots], in batches. The
    next one comes when the promise for the last is fulfilled. The result is what could
    not be listed. *)

type content =
  | Text of string  (** in UTF-8 *)
  | Repaired of string  (** was not UTF-8: a space took the place of each bad sequence *)
  | Binary  (** has a zero byte in its first 8 KiB; not read any further *)

val read : string array -> (content, string) result array Lwt.t
(** The contents of some files, or why they cannot be read. *)
