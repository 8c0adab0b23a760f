open Lwt.Syntax
open Everywhere

(* As the first example of the crate's documentation, with its own declaration. *)
let first_example () =
  let open struct
    external my_async_func : unit -> unit Lwt.t = "my_async_func"
  end in
  let p = my_async_func () in
  Expect.that "the promise is pending" (Lwt.state p = Lwt.Sleep);
  p

let ready_at_once () =
  let p = Rust.ready_add 40 2 in
  Expect.that "the promise is resolved" (Lwt.state p = Lwt.Return 42);
  let p = Any_value.hold [ 1; 2 ] 0 in
  Expect.that "the list" (Lwt.state p = Lwt.Return [ 1; 2 ]);
  let p = Rust.yield_n 0 "" in
  Expect.that "the string" (Lwt.state p = Lwt.Return "");
  Lwt.return_unit

let pending () =
  let p = Rust.yield_n 3 "three" in
  Expect.that "the promise is pending" (Lwt.state p = Lwt.Sleep);
  let* text = p in
  Expect.string "its value" "three" text;
  Lwt.return_unit

let conversions () =
  let* s, floats, option = Rust.structured 3 in
  Expect.string "string" "xxx" s;
  Expect.that "floats" (floats = [| 0.; 0.5; 1. |]);
  Expect.that "some" (option = Some "3");
  let* s, floats, option = Rust.structured 0 in
  Expect.that "empty values" (s = "" && floats = [||] && option = None);
  let* a, b, c, d = Rust.negated max_int 1.5 7l (-8L) in
  Expect.that "numbers" (a = -max_int && b = -1.5 && c = -7l && d = 8L);
  let* lengths = Rust.lengths [ ("b", "xx"); ("a", ""); ("c", "\xc3\xa4") ] in
  Expect.that "a map" (lengths = [ ("a", 0); ("b", 2); ("c", 2) ]);
  let check_entry shape =
    let entry = { Rust.name = "n\000m"; size = -1; tags = [ "a"; "b" ]; shape } in
    let* tagged = Rust.tagged entry "c" in
    Expect.that "a record" (tagged = { entry with tags = [ "a"; "b"; "c" ] });
    Lwt.return_unit
  in
  let* () = check_entry Rust.Nothing in
  let* () = check_entry (Rust.Circle 1.) in
  check_entry (Rust.Rectangle (1., 2.))

let big_values n () =
  let* s, floats, _ = Rust.structured n in
  Expect.int "a long string" n (String.length s);
  Expect.int "a long array" n (Array.length floats);
  Expect.that "its last element" (floats.(n - 1) = float_of_int (n - 1) /. 2.);
  let* sum = Rust.sum_blocking (Array.init n Fun.id) in
  Expect.int "a long argument" (n * (n - 1) / 2) sum;
  Lwt.return_unit

(* A value and its promise are one block of the minor heap, up to its largest size, 256 words. *)
let around_the_largest_young_block () =
  let check n =
    let text = String.init n (fun i -> Char.chr (97 + (i mod 26))) in
    let p = Rust.yield_n 0 text in
    Expect.that (Printf.sprintf "%d bytes at once" n) (Lwt.state p = Lwt.Return text);
    let* later = Rust.yield_n 1 text in
    Expect.string (Printf.sprintf "%d bytes later" n) text later;
    let* held = p in
    Expect.string (Printf.sprintf "%d bytes kept" n) text held;
    Lwt.return_unit
  in
  Lwt_list.iter_p check (List.init 70 (fun i -> 1990 + i))

let arity () =
  let* text = Rust.six 1 2.5 "c" true (Some 4) [| 5; 6 |] in
  Expect.string "six" "1 2.5 c true Some(4) [5, 6]" text;
  Expect.string "six, synchronous" "1 2.5 c false () 6"
    (Rust.six_sync 1 2.5 "c" false () 6L);
  let* text = Rust.twelve 1 2 3 4 5 6 7 8 9 10 11 "x" in
  Expect.string "twelve" "1234567891011x" text;
  (* A partial application uses the primitive as a value, not a direct call. *)
  let partial = List.map (Rust.twelve 1 2 3 4 5 6 7 8 9 10) [ 1; 2 ] in
  let* texts = Lwt_list.map_p (fun f -> f "y") partial in
  Expect.that "partial applications" (texts = [ "123456789101y"; "123456789102y" ]);
  Lwt.return_unit

let identity () =
  let value = ref [| "mutable" |] in
  let* same = Any_value.hold value 5 in
  Expect.that "the same block" (same == value);
  let f x = x + Rust.length !value.(0) in
  let* g = Any_value.hold f 2 in
  Expect.int "a closure" 8 (g 1);
  let* number = Any_value.hold 1.5 1 in
  Expect.that "a float" (number = 1.5);
  Lwt.return_unit

let results () =
  let* ok = Rust.checked_div 7 2 in
  Expect.that "Ok" (ok = Ok 3);
  let* error = Rust.checked_div 7 0 in
  Expect.that "Error" (error = Error "7 / 0");
  let* ok = Rust.checked_div_exn 7 2 in
  Expect.int "the value" 3 ok;
  let* e = Expect.rejected "a division by zero" (Rust.checked_div_exn 7 0) in
  match e with
  | Lwt_interop.Rust_error { message; sources; backtrace } ->
      Expect.string "the message" "7 / 0" message;
      Expect.that "no sources" (sources = []);
      Expect.that "no backtrace unless RUST_BACKTRACE is set" (backtrace = None);
      Lwt.return_unit
  | e -> raise e

let synchronous () =
  Expect.int "length" 5 (Rust.length "12345");
  Expect.int "parse" (-12) (Rust.parse "-12");
  match Expect.raised "not a number" (fun () -> Rust.parse "twelve") with
  | Lwt_interop.Rust_error { message; _ } ->
      Expect.string "the message" "invalid digit found in string" message;
      Lwt.return_unit
  | e -> raise e

let where () =
  let me = (Domain.self () :> int) in
  let* id, token = Rust.where_am_i () in
  Expect.int "the domain" me id;
  Expect.that "there is a token of this domain" token;
  Expect.that "Rust knows the domain" (Array.mem me (Rust.known_domains ()));
  Lwt.return_unit

let in_flight n () =
  let calls =
    List.init n (fun i -> (i, Rust.yield_n (1 + (i mod 7)) (string_of_int i)))
  in
  (* The order of waiting does not matter, so it is the reverse one. *)
  Lwt_list.iter_p
    (fun (i, p) ->
      let* text = p in
      Expect.string "its own value" (string_of_int i) text;
      Lwt.return_unit)
    (List.rev calls)

let chain n () =
  let rec go i sum =
    if i = n then Lwt.return sum
    else
      let* text = Rust.yield_n 1 "x" in
      go (i + 1) (sum + String.length text)
  in
  let* sum = go 0 0 in
  Expect.int "pending calls" n sum;
  let rec ready i = if i = n then Lwt.return i else Lwt.bind (Rust.ready_add i 1) ready in
  let* last = ready 0 in
  Expect.int "ready calls" n last;
  Lwt.return_unit

let local_tasks () =
  let tag = tag () in
  let* sum, cancelled = Rust.local_tasks tag 100 in
  Expect.int "their sum" 4950 sum;
  Expect.string "the cancelled task" "the task was cancelled" cancelled;
  Expect.int "futures left" 0 (Rust.futures_alive tag);
  Lwt.return_unit

(* Lwt's events are served while Rust is never idle. *)
let fairness () =
  let stop = ref false in
  let rec busy () =
    if !stop then Lwt.return_unit
    else
      let* (_ : string) = Rust.yield_n 1 "" in
      busy ()
  in
  let tasks = List.init 3 (fun _ -> busy ()) in
  let* () = Lwt_unix.sleep 0.01 in
  let r, w = Lwt_unix.pipe () in
  let* n = Lwt_unix.write_string w "x" 0 1 in
  let* m = Lwt_unix.read r (Bytes.create 1) 0 1 in
  Expect.int "read" n m;
  stop := true;
  let* () = Lwt.join tasks in
  let* () = Lwt_unix.close r in
  Lwt_unix.close w

let cases ~scale =
  [
    case "calls: the first example" first_example;
    case "calls: a future that is ready at once" ready_at_once;
    case "calls: a pending future" pending;
    case "calls: conversions" conversions;
    case "calls: big values" (big_values (scaled ~scale 300_000));
    case "calls: a string around the size of the largest young block"
      around_the_largest_young_block;
    case "calls: any arity" arity;
    case "calls: a value keeps its identity" identity;
    case "calls: Result as result and as exception" results;
    case "calls: synchronous functions" synchronous;
    case "calls: a call runs on the domain that made it" where;
    case "calls: 10,000 in progress" (in_flight (scaled ~scale 10_000));
    case "calls: 100,000 one after the other" (chain (scaled ~scale 100_000));
    case "calls: local tasks" local_tasks;
    case "calls: Lwt's events are served while Rust is busy" fairness;
  ]
