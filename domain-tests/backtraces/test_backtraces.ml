(* Backtraces, in a process of their own: Rust reads RUST_BACKTRACE only once. *)

open Lwt.Syntax
open Everywhere

let () = Unix.putenv "RUST_BACKTRACE" "1"

let of_a_panic what ~part = function
  | Lwt_interop.Rust_panic { backtrace = Some text; _ } as e ->
      Expect.contains what ~part text;
      Expect.contains (what ^ ", printed") ~part (Printexc.to_string e);
      Lwt.return_unit
  | Lwt_interop.Rust_panic { backtrace = None; _ } ->
      Expect.failf "%s: expected a backtrace, found none" what
  | e -> raise e

let panics () =
  let* () =
    of_a_panic "in a stub" ~part:"panics_sync"
      (Expect.raised "in a stub" Rust.panics_sync)
  in
  let* e = Expect.rejected "in a poll" (Rust.panics 1) in
  let* () = of_a_panic "in a poll" ~part:"failures::panics" e in
  let* e = Expect.rejected "on tokio" (Rust.panics_tokio ()) in
  of_a_panic "on tokio" ~part:"panics_tokio" e

let errors () =
  let of_an_error what ~part = function
    | Lwt_interop.Rust_error { backtrace = Some text; message; _ } as e ->
        Expect.contains what ~part text;
        Expect.contains (what ^ ", printed") ~part (Printexc.to_string e);
        Expect.string (what ^ ", its message") "7 / 0" message;
        Lwt.return_unit
    | Lwt_interop.Rust_error { backtrace = None; _ } ->
        Expect.failf "%s: expected a backtrace, found none" what
    | e -> raise e
  in
  let* e = Expect.rejected "an error" (Rust.checked_div_exn 7 0) in
  (* With debug information it has the function, too, which was inlined. *)
  of_an_error "an error" ~part:"ocaml_lwt_interop::entry::call" e

(* Neither inlined nor a tail call, so that the backtrace shows the function. *)
let[@inline never] raises () =
  if Sys.opaque_identity true then failwith "deep down";
  ignore (Sys.opaque_identity ())

let callbacks () =
  (* Each domain records backtraces, or not, independently of the others. *)
  Printexc.record_backtrace true;
  (match Rust.backtrace_of_callback raises with
  | Some text -> Expect.contains "a callback's" ~part:"test_backtraces.ml" text
  | None -> Expect.failf "expected a callback's backtrace, found none");
  Printexc.record_backtrace false;
  Expect.that "no backtrace if OCaml records none"
    (Rust.backtrace_of_callback raises = None);
  Lwt.return_unit

let () =
  Alcotest.run "backtraces"
    (suites
       [
         case "a panic has a Rust backtrace" panics;
         case "an error has a Rust backtrace" errors;
         case "a callback's exception has an OCaml backtrace" callbacks;
       ]
    @ [ ("at the end", [ nothing_left () ]) ])
