(* Backtraces, for who asks for them: in a process of their own, since Rust asks the environment
   once. *)

open Lwt.Syntax
open Everywhere

let () = Unix.putenv "RUST_BACKTRACE" "1"

let of_a_panic what ~part = function
  | Lwt_interop.Rust_panic { backtrace = Some text; _ } as e ->
      Expect.contains what ~part text;
      Expect.contains (what ^ ", printed") ~part (Printexc.to_string e);
      Lwt.return_unit
  | Lwt_interop.Rust_panic { backtrace = None; _ } ->
      Expect.failf "%s: there is no backtrace" what
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
        Expect.failf "%s: there is no backtrace" what
    | e -> raise e
  in
  let* e = Expect.rejected "an error" (Rust.checked_div_exn 7 0) in
  of_an_error "an error" ~part:"checked_div_exn" e

(* Not inlined, and not in tail position, so that there is something to see. *)
let[@inline never] raises () =
  if Sys.opaque_identity true then failwith "deep down";
  ignore (Sys.opaque_identity ())

let callbacks () =
  (* Each domain has a switch of its own. *)
  Printexc.record_backtrace true;
  (match Rust.backtrace_of_callback raises with
  | Some text -> Expect.contains "a callback's" ~part:"test_backtraces.ml" text
  | None -> Expect.failf "there is no backtrace");
  Printexc.record_backtrace false;
  Expect.that "none where OCaml records none" (Rust.backtrace_of_callback raises = None);
  Lwt.return_unit

let () =
  Alcotest.run "backtraces"
    (suites
       [
         case "a panic has Rust's backtrace" panics;
         case "an error has Rust's backtrace" errors;
         case "what a callback raises has OCaml's backtrace" callbacks;
       ]
    @ [ ("at the end", [ settled () ]) ])
