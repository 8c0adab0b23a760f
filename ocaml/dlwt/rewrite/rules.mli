(** The dune rules that generate dlwt from the installed Lwt. *)

val write : spec:string -> unit
(** [write ~spec] writes these files to the current directory: [core.inc] and [unix.inc]
    with the rules; [ppx.inc] with rules that copy the sources of [lwt_ppx]; [cflags.sexp]
    and [clibs.sexp] with the flags that compile and link C code against the installed
    [lwt.unix]. Reports a {!Problem} if the specification in the directory [spec] does not
    list the installed version of Lwt. *)
