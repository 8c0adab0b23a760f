(** Finds the files in which OCaml's compiler has recorded the typed sources. *)

val artifacts : string -> string list
(** [artifacts path] is all [.cmt] and [.cmti] files below the folder [path], sorted; or
    [path] itself if it is a file. Hidden folders are searched, because dune keeps the
    files there; those of version control and of dune's sandboxes are not, and links to
    folders are not followed.

    @raise Sys_error if [path] does not exist. *)
