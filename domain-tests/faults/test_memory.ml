(* Conversions for which OCaml has no memory: the call fails with [Out_of_memory], and nothing else changes. *)

open Lwt.Syntax
open Everywhere

external unlimited : unit -> unit = "memory_unlimited"
external in_use : unit -> int = "memory_in_use"
external sync : unit -> bytes = "memory_sync"
external ready : unit -> bytes Lwt.t = "memory_ready"
external later : unit -> bytes Lwt.t = "memory_later"
external tokio : unit -> bytes Lwt.t = "memory_tokio"
external blocking : unit -> bytes Lwt.t = "memory_blocking"
external string : unit -> string Lwt.t = "memory_string"
external array : unit -> int array Lwt.t = "memory_array"
external nested : unit -> (int * bytes array option) Lwt.t = "memory_nested"
external error : unit -> unit Lwt.t = "memory_error"
external promise : unit -> bytes Lwt.t = "memory_promise"
external callback : (bytes -> bytes -> unit) -> unit Lwt.t = "memory_callback"

external async_callback : (bytes -> bytes -> unit Lwt.t) -> unit Lwt.t
  = "memory_async_callback"

external remote_callback : (bytes -> bytes -> unit Lwt.t) -> unit Lwt.t
  = "memory_remote_callback"

type heavy

external heavy_opaque : unit -> heavy = "memory_heavy_opaque"
external heavy_text : heavy -> string = "memory_heavy_text"

external heavy_bytes :
  unit -> (int, Bigarray.int8_unsigned_elt, Bigarray.c_layout) Bigarray.Array1.t
  = "memory_heavy_bytes"

external heavy_left : unit -> int = "memory_heavy_left"

let is_out_of_memory e =
  if e <> Out_of_memory then Expect.failf "not Out_of_memory: %s" (Printexc.to_string e)

let megabytes = 256
let times = 8

(* [attempt] returns the exception with which a call has failed. *)
let fails attempt () =
  let before = in_use () in
  let rec go n =
    if n = 0 then Lwt.return_unit
    else
      let* e = Lwt.finalize attempt (fun () -> Lwt.return (unlimited ())) in
      is_out_of_memory e;
      let* sum = Rust.ready_add 1 2 in
      Expect.int "the next call" 3 sum;
      let* text = Rust.yield_n 2 "x" in
      Expect.contains "a later call" ~part:"x" text;
      go (n - 1)
  in
  let* () = go times in
  (* Arenas of new threads take address space as well. *)
  let grown = in_use () - before in
  if grown > times * megabytes / 2 then Expect.failf "%d MB are not freed" grown;
  Lwt.return_unit

let rejects call = fails (fun () -> Expect.rejected "a call" (call ()))
let raises call = fails (fun () -> Lwt.return (Expect.raised "a call" call))

let not_called f =
  fails (fun () ->
      let called = ref false in
      let* e = Expect.rejected "a call" (f called) in
      Expect.that "the function is not called" (not !called);
      Lwt.return e)

(* The block is in the minor heap instead. An exception would skip the destructors of Rust's frames. *)
let without_major_heap make check () =
  for _ = 1 to times do
    (* The minor heap is empty, so that no collection needs memory. *)
    Gc.full_major ();
    let value = try Ok (make ()) with e -> Error e in
    unlimited ();
    Expect.int "values that Rust has not dropped" 0 (heavy_left ());
    match value with
    | Ok value ->
        check value;
        Gc.full_major ();
        check value
    | Error e -> Expect.failf "it raised %s" (Printexc.to_string e)
  done;
  Lwt.return_unit

let cases =
  [
    alone "a synchronous function" (raises sync);
    alone "a function that is ready at once" (rejects ready);
    alone "a function that is ready later" (rejects later);
    alone "a function on tokio" (rejects tokio);
    alone "a function on tokio's blocking pool" (rejects blocking);
    alone "a string" (rejects string);
    alone "an array" (rejects array);
    alone "within other values" (rejects nested);
    alone "the text of an error" (rejects error);
    alone "the block of a heavy opaque value"
      (without_major_heap heavy_opaque (fun value ->
           Expect.string "its text" "heavy" (heavy_text value)));
    alone "the block of a heavy array"
      (without_major_heap heavy_bytes (fun value ->
           Expect.int "an element" 7 value.{1000}));
    alone "a promise that Rust makes" (rejects promise);
    alone "the arguments of a function"
      (not_called (fun called -> callback (fun _ _ -> called := true)));
    alone "the arguments of a function that returns a promise"
      (not_called (fun called -> async_callback (fun _ _ -> Lwt.return (called := true))));
    alone "the arguments of a function of another thread"
      (not_called (fun called -> remote_callback (fun _ _ -> Lwt.return (called := true))));
  ]

let () =
  (* A sanitizer reserves more address space than a limit could leave. *)
  if Expect.under_sanitizer then print_endline "skipped"
  else
    Alcotest.run ~and_exit:true "memory"
      (suites cases @ [ ("at the end", [ nothing_left () ]) ])
