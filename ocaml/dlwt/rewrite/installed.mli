(** The Lwt that is installed: its sources lie beside its archives. *)

type t = {
  version : string;
  core : string list;  (** the source files of library [lwt], absolute *)
  unix : string list;  (** of [lwt.unix], and of [lwt_direct] where there is one *)
  unix_directory : string;  (** where [lwt_unix.h] and the archive of C code are *)
  libev : bool;  (** whether the C code needs libev *)
  ppx : string list;  (** the source files of [lwt_ppx]; none if it is not installed *)
}

val find : unit -> t
(** Asks ocamlfind. A {!Problem} if there is no Lwt with sources. The packages of dune's
    own workspace, among them one named [lwt] that redirects to dlwt, are passed over. *)
