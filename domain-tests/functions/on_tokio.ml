open Lwt.Syntax
open Everywhere

let functions () =
  let* text, thread = Rust.on_tokio "hello" in
  Expect.string "the value" "hello" text;
  Expect.contains "the thread" ~part:"tokio" thread;
  let* e = Expect.rejected "nobody listens" (Rust.connect_nowhere ()) in
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
  | Lwt_interop.Rust_error { message; _ } ->
      Expect.contains "the message" ~part:"No such file" message;
      Lwt.return_unit
  | e -> raise e

let in_a_task () =
  let* text = Rust.use_tokio 2 in
  Expect.string "what the socket said" "HELLO" text;
  let* texts = Lwt.all (List.init 20 (fun i -> Rust.use_tokio (i mod 3))) in
  Expect.that "at once" (List.for_all (( = ) "HELLO") texts);
  Lwt.return_unit

let in_a_stub () =
  Expect.that "a stub has tokio's context" (Rust.tokio_in_stub ());
  Lwt.return_unit

let storm n () =
  let* sum = Rust.storm n in
  Expect.int "one task, many wake-ups" (n * (n - 1) / 2) sum;
  let* sums = Lwt.all (List.init 50 (fun _ -> Rust.storm (n / 50))) in
  let m = n / 50 in
  List.iter (Expect.int "many tasks" (m * (m - 1) / 2)) sums;
  Lwt.return_unit

(* The loop sleeps between the calls, so each needs a wake-up of its own. *)
let one_at_a_time n () =
  let rec go i =
    if i = n then Lwt.return_unit
    else
      let* text, _ = Rust.on_tokio (string_of_int i) in
      Expect.string "the value" (string_of_int i) text;
      go (i + 1)
  in
  go 0

let at_once n () =
  Lwt_list.iter_p
    (fun i ->
      let* text, _ = Rust.on_tokio (string_of_int i) in
      Expect.string "the value" (string_of_int i) text;
      Lwt.return_unit)
    (List.init n Fun.id)

let cases ~scale =
  [
    case "functions on tokio" functions;
    case "blocking functions" blocking;
    case "timers, tasks and sockets in a domain's task" in_a_task;
    case "tokio in a stub" in_a_stub;
    case "a storm of wake-ups" (storm (scaled ~scale 10_000));
    case "tokio, one at a time" (one_at_a_time (scaled ~scale 1_000));
    case "tokio, 5,000 at once" (at_once (scaled ~scale 5_000));
  ]
