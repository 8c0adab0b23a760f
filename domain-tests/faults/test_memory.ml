(* Conversions for which OCaml has no memory: the call fails with [Out_of_memory], and nothing else changes. *)

open Lwt.Syntax
open Everywhere

let is_out_of_memory e =
  if e <> Out_of_memory then Expect.failf "not Out_of_memory: %s" (Printexc.to_string e)

let megabytes = 256
let times = 8

(* [attempt] returns the exception with which a call has failed. *)
let fails attempt () =
  let before = Rust.memory_in_use () in
  let rec go n =
    if n = 0 then Lwt.return_unit
    else
      let* e = Lwt.finalize attempt (fun () -> Lwt.return (Rust.memory_unlimited ())) in
      is_out_of_memory e;
      let* sum = Rust.ready_add 1 2 in
      Expect.int "the next call" 3 sum;
      let* text = Rust.yield_n 2 "x" in
      Expect.contains "a later call" ~part:"x" text;
      go (n - 1)
  in
  let* () = go times in
  (* Arenas of new threads take address space as well. *)
  let grown = Rust.memory_in_use () - before in
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
    Rust.memory_unlimited ();
    Expect.int "values that Rust has not dropped" 0 (Rust.memory_heavy_left ());
    match value with
    | Ok value ->
        check value;
        Gc.full_major ();
        check value
    | Error e -> Expect.failf "it raised %s" (Printexc.to_string e)
  done;
  Lwt.return_unit

(* ---- a channel that is passed to Rust *)

module Channel = Lwt_interop.Channel

(* An array of so many words takes more than what may be left, and than malloc keeps of what was freed. *)
let many = 5_000_000

let share_fails what c =
  (* The minor heap is empty, so that no collection needs memory. *)
  Gc.full_major ();
  Rust.memory_limited ();
  let e = try Ok (Rust.channel_share c) with e -> Error e in
  Rust.memory_unlimited ();
  match e with
  | Ok _ -> Expect.failf "%s: there was memory" what
  | Error e -> Expect.contains what ~part:"Out of memory" (Printexc.to_string e)

(* It stays OCaml's, and has room again. *)
let share_of_many () =
  let c = Channel.create ~capacity:(many + 1) in
  for i = 1 to many do
    if Channel.try_send c i <> `Sent then Expect.failf "element %d" i
  done;
  share_fails "many elements" c;
  Expect.that "there is room" (Channel.try_send c 0 = `Sent);
  Expect.that "the first" (Channel.try_recv c = `Received 1);
  Expect.int "with memory" many (Rust.channel_share c);
  Lwt.return_unit

(* It is Rust's, and goes on. *)
let share_of_a_large_sender () =
  let c = Channel.create ~capacity:1 in
  let* () = Channel.send c 1 in
  let small = Channel.send c 2 in
  let large = Channel.send_all c (Array.make many 3) in
  let behind = Channel.send c 4 in
  share_fails "a large sender" c;
  let* () = small in
  let* refused = Expect.rejected "large" large in
  let* refused' = Expect.rejected "behind" behind in
  List.iter
    (fun e -> Expect.contains "what to do" ~part:"Send it again" (Printexc.to_string e))
    [ refused; refused' ];
  Expect.that "no room yet" (Channel.try_send c 5 = `Full);
  let* () = Lwt.map (fun x -> Expect.that "1" (x = Some 1)) (Channel.recv c) in
  let* () = Lwt.map (fun x -> Expect.that "2" (x = Some 2)) (Channel.recv c) in
  let* () = Channel.send c 5 in
  Expect.int "with memory" 1 (Rust.channel_share c);
  Lwt.return_unit

let cases =
  [
    alone "a synchronous function" (raises Rust.memory_sync);
    alone "a function that is ready at once" (rejects Rust.memory_ready);
    alone "a function that is ready later" (rejects Rust.memory_later);
    alone "a function on tokio" (rejects Rust.memory_tokio);
    alone "a function on tokio's blocking pool" (rejects Rust.memory_blocking);
    alone "a string" (rejects Rust.memory_string);
    alone "an array" (rejects Rust.memory_array);
    alone "within other values" (rejects Rust.memory_nested);
    alone "the text of an error" (rejects Rust.memory_error);
    alone "the block of a heavy opaque value"
      (without_major_heap Rust.memory_heavy_opaque (fun value ->
           Expect.string "its text" "heavy" (Rust.memory_heavy_text value)));
    alone "the block of a heavy array"
      (without_major_heap Rust.memory_heavy_bytes (fun value ->
           Expect.int "an element" 7 value.{1000}));
    alone "a channel of many elements that is passed to Rust" share_of_many;
    alone "a channel with a large sender that is passed to Rust" share_of_a_large_sender;
    alone "a promise that Rust makes" (rejects Rust.memory_promise);
    alone "the arguments of a function"
      (not_called (fun called -> Rust.memory_callback (fun _ _ -> called := true)));
    alone "the arguments of a function that returns a promise"
      (not_called (fun called ->
           Rust.memory_async_callback (fun _ _ -> Lwt.return (called := true))));
    alone "the arguments of a function of another thread"
      (not_called (fun called ->
           Rust.memory_remote_callback (fun _ _ -> Lwt.return (called := true))));
  ]

let () =
  let backtraces = Sys.getenv_opt "RUST_BACKTRACE" = Some "1" in
  (* A sanitizer reserves more address space than a limit could leave. *)
  if Expect.under_sanitizer then print_endline "skipped"
  else
    Alcotest.run ~and_exit:true "memory"
      (suites ?on:(if backtraces then Some [ "Domain 0" ] else None) cases
      @ [ ("at the end", [ nothing_left () ]) ])
