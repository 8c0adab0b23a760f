(** The installed Lwt, whose sources are installed beside its archives. *)

type t = {
  version : string;
  core : string list;  (** the source files of library [lwt], absolute *)
  unix : string list;  (** those of [lwt.unix], and of [lwt_direct] if it exists *)
  unix_directory : string;  (** the directory of [lwt_unix.h] and the archive of C code *)
  libev : bool;  (** whether the C code needs libev *)
  ppx : string list;  (** the source files of [lwt_ppx]; empty if it is not installed *)
}

val find : unit -> t
(** Returns the Lwt that ocamlfind finds. Reports a {!Problem} if no Lwt with sources is
    installed. Ignores the packages of the dune workspace, one of which may be named [lwt]
    and redirect to dlwt. *)
