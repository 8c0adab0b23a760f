(** The dune rules that generate dlwt from the installed Lwt. *)

val write : spec:string -> unit
(** Writes, in the current directory, [core.inc] and [unix.inc] with the rules, [ppx.inc]
    with rules that copy the sources of [lwt_ppx], and [cflags.sexp] and [clibs.sexp] with
    how to compile and link C code against the installed [lwt.unix]. A Lwt version that
    the specification in the directory [spec] does not list is a {!Problem}. *)
