(* Rust errors that are particular exceptions: OCaml's own, and those that this program defines and registers for
   Rust. Its declarations are by hand, so that one exception can be missing, and one be none. *)

open Lwt.Syntax
open Everywhere

external standard : int -> unit = "raised_standard"
external standard_boxed : int -> unit Lwt.t = "raised_standard_boxed"
external io : int32 option -> unit = "raised_io"
external unix : string -> string Lwt.t = "raised_unix"
external sync : int -> int = "raised_sync"
external later : int -> int Lwt.t = "raised_later"
external tokio : int -> int Lwt.t = "raised_tokio"
external boxed : int -> int Lwt.t = "raised_boxed"
external not_raised : int -> (int, string) result = "raised_not"
external alone : int -> unit = "raised_struct"
external moved : int -> unit = "raised_moved"
external moved_at_once : int -> unit Lwt.t = "raised_moved_at_once"
external moved_later : int -> unit Lwt.t = "raised_moved_later"

exception Closed
exception Not_enough of int64
exception Pair of (int32 * float) * string array
exception Limit of { name : string; values : float array }
exception TooLarge of int
exception Alone of int
exception Moved of int

let () =
  let register name = Callback.register_exception ("by_hand." ^ name) in
  register "Closed" Closed;
  register "Not_enough" (Not_enough 0L);
  register "Pair" (Pair ((0l, 0.), [||]));
  register "Limit" (Limit { name = ""; values = [||] });
  register "TooLarge" (TooLarge 0);
  register "Alone" (Alone 0);
  register "Moved" (Moved 0);
  (* A mistake. *)
  Callback.register "by_hand.Reserved" (fun () -> ())

let text n = Printf.sprintf "number %d" n

let standard_exceptions () =
  let check n expected =
    let e = Expect.raised "a standard exception" (fun () -> standard n) in
    Expect.that (Printexc.to_string expected) (e = expected);
    let* e = Expect.rejected "a standard exception, boxed" (standard_boxed n) in
    Expect.that (Printexc.to_string expected ^ ", boxed") (e = expected);
    Lwt.return_unit
  in
  let* () =
    Lwt_list.iteri_s check
      [
        Failure (text 0);
        Invalid_argument (text 1);
        Not_found;
        End_of_file;
        Division_by_zero;
        Sys_error (text 5);
        Exit;
      ]
  in
  standard 7;
  Lwt.return_unit

let errors_of_the_system () =
  let raised errno = Expect.raised "an error of the system" (fun () -> io errno) in
  Expect.that "ENOENT" (raised (Some 2l) = Unix.Unix_error (ENOENT, "", ""));
  Expect.that "EPIPE" (raised (Some 32l) = Unix.Unix_error (EPIPE, "", ""));
  Expect.that "unknown" (raised (Some 4711l) = Unix.Unix_error (EUNKNOWNERR 4711, "", ""));
  (match raised None with
  | Lwt_interop.Rust_error { message = "no number"; _ } -> ()
  | e -> raise e);
  let* e = Expect.rejected "a file" (unix "/nowhere/at all") in
  Expect.that "with its function"
    (e = Unix.Unix_error (ENOENT, "raised_unix", "/nowhere/at all"));
  Lwt.return_unit

let message = function Lwt_interop.Rust_error { message; _ } -> message | e -> raise e

let defined () =
  let check n holds =
    let check what e =
      Gc.minor ();
      if not (holds e) then
        Expect.failf "exception %d, %s: %s" n what (Printexc.to_string e)
    in
    check "synchronous" (Expect.raised "a synchronous function" (fun () -> sync n));
    let rejected what p =
      let* e = Expect.rejected what p in
      check what e;
      Lwt.return_unit
    in
    let* () = rejected "later" (later n) in
    let* () = rejected "on tokio" (tokio n) in
    rejected "boxed" (boxed n)
  in
  let* () = check 0 (fun e -> e == Closed) in
  let* () = check 1 (function Not_enough n -> n = Int64.max_int | _ -> false) in
  let* () =
    check 2 (function
      | Pair ((7l, 0.5), [| "a"; b |]) -> b = String.make 3_000 'b'
      | _ -> false)
  in
  let* () =
    check 3 (function
      | Limit { name = "limit"; values } -> values = Array.make 400 1.5
      | _ -> false)
  in
  let* () =
    check 4 (fun e ->
        Expect.contains "not registered" (message e)
          ~part:"`exception Unknown of int32 * string`";
        Expect.contains "not registered" (message e)
          ~part:"Callback.register_exception \"by_hand.Unknown\" (Unknown (x, ...))";
        true)
  in
  let* () =
    check 5 (function
      | Invalid_argument message ->
          Expect.contains "an argument" message
            ~part:"argument 1 of TooLarge: 18446744073709551615 does not fit int";
          true
      | _ -> false)
  in
  let* () =
    check 6 (fun e ->
        Expect.contains "no exception" (message e)
          ~part:"by_hand.Reserved is registered, but is no exception";
        true)
  in
  Expect.int "no exception" 9 (sync 9);
  Expect.that "not raised" (not_raised 0 = Error "Closed");
  Expect.that "a struct" (Expect.raised "a struct" (fun () -> alone 3) = Alone 3);
  Lwt.return_unit

(* The exception is still the same after the Rust error has been dropped, whatever its destructor does. *)
let dropped () =
  let check n =
    let is e = Expect.that (Printexc.to_string e) (e = Moved n) in
    is (Expect.raised "in the call" (fun () -> moved n));
    let* e = Expect.rejected "at once" (moved_at_once n) in
    is e;
    let+ e = Expect.rejected "later" (moved_later n) in
    is e
  in
  Lwt_list.iter_s check [ 1; 2; 3; 4 ]

let () =
  Alcotest.run "raised"
    (suites
       [
         case "OCaml's standard exceptions" standard_exceptions;
         case "errors of the operating system" errors_of_the_system;
         case "exceptions that OCaml defines" defined;
         case "errors whose destructors use OCaml, or panic" dropped;
       ]
    @ [ ("at the end", [ nothing_left () ]) ])
