(** Files, from Rust: see [src/lib.rs]. *)

type unreadable = string * string
(** A path, and why it could not be read. *)

val list : string list -> (string array -> unit Lwt.t) -> unreadable list Lwt.t
(** [list roots take] calls [take] with the paths of all files below [roots], a batch at a
    time, and waits for its promise before the next batch. The result is what could not be
    listed. *)

type content =
  | Text of string  (** in UTF-8 *)
  | Repaired of string  (** not in UTF-8; a space has replaced each invalid sequence *)
  | Binary  (** has a zero byte in its first 8 KiB; the rest was not read *)

val read : string array -> (content, string) result array Lwt.t
(** [read paths] is the contents of files, or why they cannot be read. *)
