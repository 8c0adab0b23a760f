open Lwt.Syntax
open Everywhere

let functions () =
  let* text, thread = Rust.on_tokio "hello" in
  Expect.string "the result" "hello" text;
  Expect.contains "its thread's name" ~part:"tokio" thread;
  let* e = Expect.rejected "a refused connection" (Rust.connect_nowhere ()) in
  match e with
  | Lwt_interop.Rust_error { message; sources = [ cause ]; _ } ->
      Expect.string "the message" "nobody is there" message;
      Expect.contains "its cause" ~part:"refused" cause;
      Lwt.return_unit
  | e -> raise e

let blocking () =
  let* sum = Rust.sum_blocking [| 1; 2; 3 |] in
  Expect.int "the sum" 6 sum;
  let* e = Expect.rejected "no such file" (Rust.read_nothing "/nowhere/at all") in
  match e with
  | Unix.Unix_error (ENOENT, "", "") -> Lwt.return_unit
  | e -> raise e

let in_a_task () =
  let* text = Rust.use_tokio 2 in
  Expect.string "the text from the socket" "HELLO" text;
  let* texts = Lwt.all (List.init 20 (fun i -> Rust.use_tokio (i mod 3))) in
  Expect.that "20 at once" (List.for_all (( = ) "HELLO") texts);
  Lwt.return_unit

let in_a_stub () =
  Expect.that "a stub has tokio's context" (Rust.tokio_in_stub ());
  Lwt.return_unit

let wake_ups n () =
  let* sum = Rust.wake_ups n in
  Expect.int "the sum of one task with many wake-ups" (n * (n - 1) / 2) sum;
  let* sums = Lwt.all (List.init 50 (fun _ -> Rust.wake_ups (n / 50))) in
  let m = n / 50 in
  List.iter (Expect.int "the sum of each of many tasks" (m * (m - 1) / 2)) sums;
  Lwt.return_unit

(* The loop sleeps between the calls, so that each needs a wake-up of its own. *)
let one_at_a_time n () =
  let rec go i =
    if i = n then Lwt.return_unit
    else
      let* text, _ = Rust.on_tokio (string_of_int i) in
      Expect.string "the result" (string_of_int i) text;
      go (i + 1)
  in
  go 0

let at_once n () =
  Lwt_list.iter_p
    (fun i ->
      let* text, _ = Rust.on_tokio (string_of_int i) in
      Expect.string "the result" (string_of_int i) text;
      Lwt.return_unit)
    (List.init n Fun.id)

let cases ~scale =
  [
    case "tokio: results and errors of functions" functions;
    case "tokio: results and errors of blocking functions" blocking;
    case "tokio: timers, tasks and sockets in a domain's task" in_a_task;
    case "tokio: a stub runs in tokio's context" in_a_stub;
    case "tokio: many wake-ups at once" (wake_ups (scaled ~scale 10_000));
    case "tokio: one call at a time wakes the loop each time"
      (one_at_a_time (scaled ~scale 1_000));
    case "tokio: 5,000 calls at once" (at_once (scaled ~scale 5_000));
  ]
