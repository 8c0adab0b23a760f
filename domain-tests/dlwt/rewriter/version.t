The dune rules are generated for the installed Lwt, whose version must be a known one.

  $ mkdir spec bin
  $ rules() { PATH=$PWD/bin:$PATH ../../../ocaml/dlwt/rewrite/main.exe rules --spec spec; }
  $ cat > bin/ocamlfind <<'EOF'
  > #!/bin/sh
  > [ "$*" = "query lwt" ] && echo $PWD/lwt
  > true
  > EOF
  $ chmod +x bin/ocamlfind

No Lwt, one without lwt.unix, and one of an unknown version.

  $ printf '# checked\n5.9\n6.1 # both\n' > spec/versions
  $ rules
  File "ocamlfind", line 1:
  Error: dlwt: no Lwt with its sources (lwt.ml) was found: install the package lwt (opam) or liblwt-ocaml-dev (Debian)
  [1]
  $ mkdir -p lwt/unix
  $ touch lwt/lwt.ml lwt/lwt.mli
  $ rules 2>&1 | sed "s|$PWD|HERE|"
  File "HERE/lwt/unix/lwt_unix.ml", line 1:
  Error: dlwt: this Lwt was installed without lwt.unix, or without its sources: install all of the package lwt (opam) or liblwt-ocaml-dev (Debian)
  $ touch lwt/unix/lwt_unix.ml
  $ echo 'let _HAVE_LIBEV = true' > lwt/unix/lwt_features.ml
  $ rules 2>&1 | sed "s|$PWD|HERE|"
  File "HERE/lwt/META", line 1:
  Error: dlwt: this file does not state the version of Lwt: reinstall the package lwt
  $ echo 'version = "7.0.0"' > lwt/META
  $ rules 2>&1 | sed "s|$PWD|HERE|"
  File "spec/versions", line 1:
  Error: dlwt: Lwt 7.0.0 is installed, in HERE/lwt, but dlwt has been checked with 5.9, 6.1 only. Install one of those versions, or add this one here, build, and classify what the audit reports
  $ echo 'version = "5.90.0"' > lwt/META
  $ rules 2>&1 | sed "s|$PWD|HERE|" | tail -1 | cut -c 1-39
  Error: dlwt: Lwt 5.90.0 is installed, i

A known version.

  $ echo 'version = "5.9.7"' > lwt/META
  $ rules
  $ grep '(targets' core.inc unix.inc
  core.inc: (targets lwt.ml)
  core.inc: (targets lwt.mli)
  unix.inc: (targets lwt_features.ml)
  unix.inc: (targets lwt_unix.ml)
  $ sed "s|$PWD|HERE|" clibs.sexp; echo
  ("-LHERE/lwt/unix" -llwt_unix_stubs -lev -lpthread)

Without ocamlfind.

  $ PATH=/nowhere ../../../ocaml/dlwt/rewrite/main.exe rules --spec spec
  File "ocamlfind", line 1:
  Error: dlwt: cannot run ocamlfind (No such file or directory): install it
  [1]
