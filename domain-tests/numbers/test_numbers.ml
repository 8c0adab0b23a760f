(* Functions of plain numbers, arguments that OCaml does not pass, and functions that return promises. *)

open Lwt.Syntax
open Everywhere

(* Generated declarations pass plain numbers. *)
external boxed_sum : int -> float -> int32 -> int64 -> nativeint -> float = "numbers_sum"

let plain_numbers () =
  for i = 1 to 1_000 do
    let expected = float_of_int (2 * i) +. 0.5 -. 3. +. 5. -. 7. in
    let got = Rust.numbers_sum i (float_of_int i +. 0.5) (-3l) 5L (-7n) in
    Expect.that "the sum" (got = expected);
    Expect.that "the same, boxed"
      (boxed_sum i (float_of_int i +. 0.5) (-3l) 5L (-7n) = got);
    Expect.int "no allocation" (i + 13) (Rust.numbers_noalloc (i + 13))
  done;
  Expect.int "twice" (-10) (Rust.numbers_twice (-5));
  Expect.int "twice, the largest" (max_int - 1) (Rust.numbers_twice (max_int / 2));
  Expect.int "the smallest" min_int (Rust.numbers_noalloc min_int);
  Lwt.return_unit

let failures () =
  for _ = 1 to 1_000 do
    let e = Expect.raised "a panic" (fun () -> Rust.numbers_sum 13 0. 0l 0L 0n) in
    Expect.panicked "a panic" ~place:"numbers.rs:" ~message:"thirteen" e;
    match Expect.raised "a result" (fun () -> Rust.numbers_twice max_int) with
    | Invalid_argument text ->
        Expect.contains "a result" ~part:"numbers_twice: result: " text;
        Expect.contains "a result" ~part:"does not fit int" text
    | e -> raise e
  done;
  let* text = Rust.yield_n 2 "still working" in
  Expect.string "the domain still works" "still working" text;
  Lwt.return_unit

(* [malloc]'s memory, of which a sanitizer says nothing: asan reports what is lost itself. *)
let nothing_left_behind () =
  let check what ~times fail =
    let repeat n =
      for _ = 1 to n do
        ignore (Expect.raised what fail : exn)
      done;
      Gc.full_major ();
      Rust.stress_allocated ()
    in
    let before = repeat 100 in
    let grown = repeat times - before in
    (* Less than 40 bytes for each. *)
    if grown > 40 * times then
      Expect.failf "%s: %d bytes are lost in %d failures" what grown times
  in
  check "a result" ~times:10_000 (fun () -> ignore (Rust.numbers_twice max_int : int));
  check "a panic" ~times:1_000 (fun () ->
      ignore (Rust.numbers_sum 13 0. 0l 0L 0n : float));
  Lwt.return_unit

let no_token () =
  Expect.int "at the top" 1 (Rust.numbers_has_token 1);
  Expect.int "within a stub" 1 (Rust.numbers_within (fun () -> Rust.numbers_has_token 1));
  Lwt.return_unit

let tokens () =
  Expect.string "a token between arguments" "ababab" (Rust.numbers_token "ab" 3);
  Expect.int "another name of the crate" 255 (Rust.numbers_renamed 255);
  Lwt.return_unit

let promises () =
  let all =
    [
      ("plain", Rust.numbers_promise);
      ("or an error", Rust.numbers_promise_or_error);
      ("later", Rust.numbers_promise_later);
    ]
  in
  let check (name, f) =
    let* n = f 7 in
    Expect.int name 7 n;
    let+ e = Expect.rejected name (f 13) in
    let text = Printexc.to_string e in
    match name with
    | "or an error" -> Expect.contains name ~part:"runs no domain's executor" text
    | _ -> Expect.contains name ~part:"thirteen" text
  in
  let* () = Lwt_list.iter_s check all in
  let p = Rust.numbers_promise_later 7 in
  Lwt.cancel p;
  Expect.cancelled "a promise that is made later" p

(* A program of its own, which ends. *)
let failing_noalloc = "failing-noalloc"

let aborts () =
  let reading, writing = Unix.pipe ~cloexec:true () in
  let program = Sys.executable_name in
  let pid =
    Unix.create_process program
      [| program; failing_noalloc |]
      Unix.stdin Unix.stdout writing
  in
  Unix.close writing;
  let text = In_channel.input_all (Unix.in_channel_of_descr reading) in
  let status = Expect.status_of pid in
  Expect.contains "what it says" ~part:"numbers_noalloc is a `noalloc` function" text;
  Expect.contains "the panic" ~part:"thirteen" text;
  Expect.that "the process has ended" (status = WSIGNALED Sys.sigabrt)

let () =
  if Array.mem failing_noalloc Sys.argv then ignore (Rust.numbers_noalloc 13 : int)
  else
    Alcotest.run "numbers"
      (suites
         [
           case "plain numbers" plain_numbers;
           case "failures of plain numbers" failures;
           alone "failures of plain numbers leave nothing behind" nothing_left_behind;
           case "a noalloc function has no token" no_token;
           case "arguments that OCaml does not pass" tokens;
           case "functions that return promises" promises;
         ]
      @ [
          ( "at the end",
            [
              plain "a noalloc function that fails ends the process" aborts;
              nothing_left ();
            ] );
        ])
