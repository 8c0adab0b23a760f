(* Values that do not convert are refused, in every way that a value can take: before the
   function runs, with an exception that names the place, and without a trace. The table of
   doc/types.md has the values. *)

open Lwt.Syntax
open Declared

type unfit = Rust.unfit

(* ---- ways to pass a value *)

type 'a way =
  | Raises of ('a -> unit)
  | Rejected_at_once of ('a -> unit Lwt.t)
      (** The promise that the call returns is rejected already. *)
  | Rejects of ('a -> unit Lwt.t)

(* With what precedes the path in an error. *)
let to_rust =
  let done_ p = Lwt.map (ignore : int -> unit) p in
  [
    ("types_sync: argument 1 (value), ", Raises (fun v -> ignore (sync v : int)));
    ( "types_with_token: argument 1 (value), ",
      Raises (fun v -> ignore (with_token v : int)) );
    ( "types_third: argument 3 (value), ",
      Raises (fun v -> ignore (third 1 "" v : (int, string) result)) );
    ("types_ready: argument 1 (value), ", Rejected_at_once (fun v -> done_ (ready v)));
    ("types_pending: argument 1 (value), ", Rejected_at_once (fun v -> done_ (pending v)));
    ("types_tokio: argument 1 (value), ", Rejected_at_once (fun v -> done_ (tokio v)));
    ( "types_blocking: argument 1 (value), ",
      Rejected_at_once (fun v -> done_ (blocking v)) );
    ("types_raise: argument 1 (value), ", Rejected_at_once (fun v -> done_ (raise_ v)));
  ]

(* The function runs, and the value does not convert within it. *)
let within_the_body =
  let done_ p = Lwt.map (ignore : int -> unit) p in
  [
    ("", Raises (fun v -> ignore (root_sync v : int)));
    ("", Rejects (fun v -> done_ (root v)));
    ("", Raises (fun v -> ignore (callback (fun () -> v) : int)));
    ("", Rejects (fun v -> done_ (callback_in_task (fun () -> v))));
    ( "",
      Rejects
        (fun v ->
          done_
            (async_callback (fun () ->
                 let+ () = Lwt.pause () in
                 v))) );
    ("", Rejects (fun v -> done_ (remote (fun () -> v))));
    ("", Rejects (fun v -> done_ (promise (Lwt.return v))));
    ( "",
      Rejects
        (fun v ->
          let p, u = Lwt.wait () in
          let result = promise p in
          Lwt.wakeup_later u v;
          done_ result) );
  ]

let refusal what way value =
  match way with
  | Raises f -> Lwt.return (Expect.raised what (fun () -> f value))
  | Rejected_at_once f -> (
      match Lwt.state (f value) with
      | Fail e -> Lwt.return e
      | Return () | Sleep -> Expect.failf "%s: the promise is not rejected" what)
  | Rejects f -> Expect.rejected what (f value)

let accept way value =
  match way with
  | Raises f ->
      f value;
      Lwt.return_unit
  | Rejected_at_once f | Rejects f -> f value

(* ---- values that do not convert to Rust *)

type problem = Exactly of string | Ends_with of string

let is_problem what problem text =
  match problem with
  | Exactly expected -> Expect.string what expected text
  | Ends_with part ->
      if not (String.ends_with ~suffix:part text) then
        Expect.failf "%s: expected an end %S in %S" what part text

let bad_argument what ~before problem e =
  match e with
  | Invalid_argument text ->
      let n = String.length before in
      Expect.that (what ^ ": " ^ text) (String.starts_with ~prefix:before text);
      is_problem what problem (String.sub text n (String.length text - n))
  | e -> Expect.failf "%s: %s" what (Printexc.to_string e)

let rec tree n = if n = 0 then Rust.Leaf else Rust.Node (tree (n - 1), n)

let nested =
  "the value is cyclic, or nested more than 1000 levels deep, or takes more than 1024 \
   KiB of stack; pass deep structures as a flat array"

let seconds = " is not a duration in seconds, which is at least 0 and less than 2^64"

let is value constructor problem =
  (value, Exactly (Printf.sprintf "argument 1 of %s: %s" constructor problem))

let within place value constructor problem =
  (value, Exactly (Printf.sprintf "%s of argument 1 of %s: %s" place constructor problem))

let array kind layout = Obj.repr (Bigarray.Array1.create kind layout 3)

(* These are refused in every build. *)
let always =
  let r = Obj.repr in
  [
    is (I8 (r 128)) "I8" "128 does not fit i8";
    is (I8 (r min_int)) "I8" "-4611686018427387904 does not fit i8";
    is (U8 (r 300)) "U8" "300 does not fit u8";
    is (U8 (r (-1))) "U8" "-1 does not fit u8";
    is (I16 (r 32768)) "I16" "32768 does not fit i16";
    is (U16 (r 70_000)) "U16" "70000 does not fit u16";
    is (U32 (r (-1))) "U32" "-1 does not fit u32";
    is (U32 (r max_int)) "U32" "4611686018427387903 does not fit u32";
    is (Usize (r (-1))) "Usize" "-1 does not fit usize";
    is (Usize (r min_int)) "Usize" "-4611686018427387904 does not fit usize";
    is (U64 (r (-1L))) "U64" "-1 does not fit u64";
    is (F32 (r 1e300)) "F32" "1e300 does not fit f32";
    is (Bool (r 2)) "Bool" "expected bool";
    is (Unit (r 1)) "Unit" "expected unit";
    is (Char (r 256)) "Char" "256 does not fit char";
    is (Uchar (r 0xD800)) "Uchar" "0xd800 is not a Unicode scalar value";
    is
      (Text (r "caf\xE9"))
      "Text"
      "expected a UTF-8 string, but byte 3 is not UTF-8; take Bytes for arbitrary bytes";
    within "element 1"
      (Names (r [ "a"; "\xFF" ]))
      "Names"
      "expected a UTF-8 string, but byte 0 is not UTF-8; take Bytes for arbitrary bytes";
    is (Duration (r nan)) "Duration" ("NaN" ^ seconds);
    is (Duration (r (-1.))) "Duration" ("-1.0" ^ seconds);
    is (Duration (r infinity)) "Duration" ("inf" ^ seconds);
    is (Time (r nan)) "Time" "NaN is not a time in seconds since 1970";
    is (Time (r 1e30)) "Time" "1e30 is not a time in seconds since 1970";
    is (Option (r 5)) "Option" "expected an option";
    within "the content of Ok" (Result (r (Ok 300))) "Result" "300 does not fit u8";
    is (Three (r (Bytes.make 2 'x'))) "Three" "expected 3 elements, and there are 2";
    within "element 1" (Map (r [ (1, 2); (1, 3) ])) "Map" "this key is there twice";
    within "element 2"
      (Table (r [ ("a", 2); ("b", 2); ("a", 3) ]))
      "Table" "this key is there twice";
    within "element 1" (Set (r [ 1; 1 ])) "Set" "this key is there twice";
    within "element 1" (Members (r [ 1; 1 ])) "Members" "this key is there twice";
    is (Colour (r 7)) "Colour" "expected a constructor of colour";
    is (Switch (r `Blue)) "Switch" "expected a constructor of switch";
    is (Switch (r (`Blue 1))) "Switch" "expected a constructor of switch";
    within "argument 1 of Dimmed"
      (Switch (r (`Dimmed 300)))
      "Switch" "300 does not fit u8";
    within "field age of element 1"
      (People (r [| { Rust.name = "\xFF"; age = 1 }; { Rust.name = ""; age = 300 } |]))
      "People" "300 does not fit u8";
    is (Percentage (r 101.)) "Percentage" "101.0 is not a percentage, 0 to 100";
    is
      (Counter (r (Rust.types_words ())))
      "Counter"
      "expected an Opaque<domain_tests::types::Counter>, found an \
       Opaque<domain_tests::types::Words>";
    is (Counter (r 1)) "Counter" "expected an Opaque<domain_tests::types::Counter>";
    is (Counter (r "text")) "Counter" "expected an Opaque<domain_tests::types::Counter>";
    ( Samples (array Float32 C_layout),
      Ends_with "Bigarray.Array1.t, found a Bigarray of float32" );
    ( Samples (array Float64 Fortran_layout),
      Ends_with "Bigarray.Array1.t, found a Bigarray in Fortran layout" );
    (Samples (r 1), Ends_with "Bigarray.Array1.t, found a value that is no Bigarray");
  ]

let endless =
  let rec list = 1 :: 2 :: 3 :: list in
  let rec pairs = (1, 2) :: (2, 3) :: pairs in
  let rec cyclic = Rust.Node (cyclic, 1) in
  [
    (List (Obj.repr list), Ends_with "the list is cyclic");
    (Map (Obj.repr pairs), Ends_with "the list is cyclic");
    (Tree (Obj.repr cyclic), Ends_with nested);
    (Tree (Obj.repr (tree 1001)), Ends_with nested);
  ]

(* These are refused in builds with debug assertions, or with the feature [checks]. *)
let checked =
  let r = Obj.repr in
  [
    is (U8 (r "x")) "U8" "expected int";
    is (I32 (r 1)) "I32" "expected int32";
    is (I64 (r 1l)) "I64" "expected int64";
    is (F64 (r 1)) "F64" "expected float";
    is (Text (r 1)) "Text" "expected string";
    is (Path (r 1.5)) "Path" "expected string";
    is (Buffer (r [| 1 |])) "Buffer" "expected string";
    is (Option (r "text")) "Option" "expected an option";
    is (Result (r 1)) "Result" "expected a constructor with arguments";
    is (Pair (r (1, "a", 2))) "Pair" "expected a pair";
    is (Ints (r 1)) "Ints" "expected array";
    within "element 0" (Ints (r [| 1.5 |])) "Ints" "expected int";
    within "element 0" (Floats (r [| 1 |])) "Floats" "expected float";
    within "element 0" (List (r 5)) "List" "expected list";
    within "element 0" (People (r [| 1 |])) "People" "expected record person";
    is (Point (r [| 1.; 2.; 3. |])) "Point" "expected record point";
    is (Colour (r (Some 1))) "Colour" "expected a constructor of colour";
    is (Tree (r 3)) "Tree" "expected a constructor of tree";
  ]

let refuse ~before ways values =
  let one (value, problem) (place, way) =
    let what =
      Printf.sprintf "%s%s" place (match problem with Exactly s | Ends_with s -> s)
    in
    let+ e = refusal what way value in
    bad_argument what ~before:place problem e
  in
  let before_all = before () in
  let* () = Lwt_list.iter_s (fun value -> Lwt_list.iter_s (one value) ways) values in
  Expect.int "bodies that have run" before_all (before ());
  Lwt.return_unit

let before_the_body values () = refuse ~before:Rust.types_bodies to_rust values
let in_the_body values () = refuse ~before:Rust.types_bodies within_the_body values

(* ---- values that OCaml may have to prepare *)

module Channel = Lwt_interop.Channel
module Stream = Lwt_interop.Stream

let prepared_to_rust =
  let done_ p = Lwt.map (ignore : int -> unit) p in
  [
    ( "types_prepared_sync: argument 1 (value), ",
      Raises (fun v -> ignore (prepared_sync v : int)) );
    ( "types_prepared_tokio: argument 1 (value), ",
      Rejected_at_once (fun v -> done_ (prepared_tokio v)) );
  ]

let prepared_within_the_body =
  let done_ p = Lwt.map (ignore : int -> unit) p in
  [
    ("", Rejects (fun v -> done_ (prepared_root v)));
    ("", Raises (fun v -> ignore (prepared_callback (fun () -> v) : int)));
    ("", Rejects (fun v -> done_ (prepared_async_callback (fun () -> Lwt.return v))));
    ("", Rejects (fun v -> done_ (prepared_remote (fun () -> v))));
    ("", Rejects (fun v -> done_ (prepared_promise (Lwt.return v))));
    ("", Rejects (fun v -> done_ (prepared_stream (Stream.of_list [ v ]))));
  ]

let channel elements =
  let c = Channel.create ~capacity:3 in
  List.iter (fun x -> Expect.that "sent" (Channel.try_send c x = `Sent)) elements;
  c

let of_numbers () =
  let c = channel [] in
  Expect.int "numbers" 0 (Rust.channel_share c);
  c

let refused_element = "an element of a Channel<u8>: element 1: 300 does not fit u8"

let found_numbers =
  "expected a Channel<u8>, found a Channel<isize>: a channel has elements of the Rust \
   type that it was first passed as"

let unprepared () =
  let r = Obj.repr in
  let beside name c n = Beside (r name, r (Some c), r n) in
  let values =
    [
      is (Mailbox (r (channel [ 1; 300 ]))) "Mailbox" refused_element;
      is (Mailbox (r (of_numbers ()))) "Mailbox" found_numbers;
      ( beside "" (channel [ 1; 300 ]) 1,
        Exactly ("the content of Some of argument 2 of Beside: " ^ refused_element) );
      ( beside "" (of_numbers ()) 1,
        Exactly ("the content of Some of argument 2 of Beside: " ^ found_numbers) );
      (* The channel is Rust's by then. *)
      ( beside "" (channel [ 1; 2 ]) 300,
        Exactly "argument 3 of Beside: 300 does not fit u8" );
    ]
  in
  let checked = [ is (Mailbox (r 1)) "Mailbox" "expected a Lwt_interop.Channel.t" ] in
  let ways = prepared_to_rust @ prepared_within_the_body in
  let* () = refuse ~before:Rust.types_bodies ways (values @ checked) in
  let good () =
    [
      Mailbox (r (channel [ 1; 255 ]));
      beside "\xFF" (channel []) 1;
      beside "" (channel [ 0 ]) 2;
    ]
  in
  let before = Rust.types_bodies () in
  let again = good () in
  let* () =
    Lwt_list.iter_s (fun (_, way) -> Lwt_list.iter_s (accept way) (good () @ again)) ways
  in
  Expect.int "bodies that have run"
    (before + (6 * List.length ways))
    (Rust.types_bodies ());
  Lwt.return_unit

let panics () =
  let all =
    Lwt_list.iter_s (fun (place, way) ->
        let what = place ^ "a panic" in
        let+ e = refusal what way (Panics (Obj.repr 1) : value) in
        Expect.panicked what ~place:"types.rs" ~message:"a conversion to Rust" e)
  in
  let before = Rust.types_bodies () in
  let* () = all to_rust in
  Expect.int "bodies that have run" before (Rust.types_bodies ());
  all within_the_body

(* ---- values that convert *)

(* Two are of [many] elements. *)
let good many =
  let r = Obj.repr in
  [
    I8 (r (-128));
    U8 (r 255);
    Isize (r min_int);
    Isize (r max_int);
    Usize (r max_int);
    I64 (r Int64.min_int);
    U64 (r Int64.max_int);
    F32 (r nan);
    F32 (r infinity);
    F64 (r nan);
    Uchar (r Uchar.max);
    Text (r "\u{10FFFF}\000");
    ByteString (r "\xFF\000");
    Path (r "\xFF");
    Duration (r (-0.));
    Time (r (-1.5));
    Option (r (Some None));
    Option (r (Some (Some 1)));
    List (r []);
    List (r (List.init many Fun.id));
    Ints (r (Array.init many Fun.id));
    Ints (r [||]);
    Floats (r [| nan |]);
    Floats (r [||]);
    Map (r [ (2, 1); (1, 1) ]);
    Tree (r (tree 1000));
    Switch (r (`Dimmed 255));
    Switch (r `On);
    Counter (r (Rust.types_counter ()));
    Samples (array Float64 C_layout);
    Point (r { Rust.x = 1.; y = nan });
    Function (r (fun x -> x));
  ]

let accepted ~many () =
  let good = good many in
  let ways = to_rust @ within_the_body in
  let before = Rust.types_bodies () in
  let* () =
    Lwt_list.iter_s
      (fun value -> Lwt_list.iter_s (fun (_, way) -> accept way value) ways)
      good
  in
  Expect.int "bodies that have run"
    (before + (List.length good * List.length ways))
    (Rust.types_bodies ());
  Lwt.return_unit

(* ---- values that do not convert to OCaml *)

(* A function that must not be called. *)
let not_called what = fun (_ : int) (_ : unfit) -> Expect.failf "%s: it is called" what

let to_ocaml =
  let done_ p = Lwt.map (ignore : unfit -> unit) p in
  let of_function = " of argument 2 of the function" in
  [
    ( "types_to_sync: result, ",
      "",
      Raises (fun i -> ignore (Rust.types_to_sync i : unfit)) );
    ("types_to_ready: result, ", "", Rejects (fun i -> done_ (Rust.types_to_ready i)));
    ("types_to_raise: result, ", "", Rejects (fun i -> done_ (Rust.types_to_raise i)));
    ("types_to_pending: result, ", "", Rejects (fun i -> done_ (Rust.types_to_pending i)));
    ("types_to_tokio: result, ", "", Rejects (fun i -> done_ (Rust.types_to_tokio i)));
    ( "types_to_blocking: result, ",
      "",
      Rejects (fun i -> done_ (Rust.types_to_blocking i)) );
    ("", "", Rejects (fun i -> done_ (Rust.types_to_promise i)));
    ("", "", Raises Rust.types_to_root);
    ("", of_function, Raises (Rust.types_to_callback (not_called "a function")));
    ( "",
      of_function,
      Rejects (Rust.types_to_async_callback (not_called "an asynchronous one")) );
    ("", of_function, Rejects (Rust.types_to_remote (not_called "a remote one")));
  ]

let does_not_convert () =
  let too_large path n outer =
    Exactly (Printf.sprintf "%s%s: %s does not fit int, which has 63 bits" path outer n)
  in
  let problems =
    [
      too_large "argument 1 of Int" "4611686018427387904";
      too_large "argument 1 of Int" "-9223372036854775808";
      too_large "argument 1 of Size" "18446744073709551615";
      (fun outer ->
        Exactly
          (Printf.sprintf "argument 1 of Long%s: 18446744073709551615 does not fit int64"
             outer));
      too_large "element 1000 of argument 1 of Many" "4611686018427387904";
      (fun _ -> Ends_with nested);
    ]
  in
  let one i problem (place, outer, way) =
    let what = Printf.sprintf "%svalue %d" place i in
    let+ e = refusal what way i in
    bad_argument what ~before:place (problem outer) e
  in
  let* () =
    Lwt_list.iteri_s (fun i problem -> Lwt_list.iter_s (one i problem) to_ocaml) problems
  in
  let panics (place, _, way) =
    let what = place ^ "a panic" in
    let+ e = refusal what way 6 in
    match e with
    | Lwt_interop.Rust_panic { message; _ } ->
        Expect.contains what ~part:"a conversion to OCaml" message
    | e -> Expect.failf "%s: %s" what (Printexc.to_string e)
  in
  let* () = Lwt_list.iter_s panics to_ocaml in
  let* v = Rust.types_to_pending 7 in
  Expect.that "a value that converts" (Rust.types_to_sync 7 = Nothing && v = Nothing);
  Lwt.return_unit

(* ---- what refusals leave behind *)

let resident () =
  let line =
    In_channel.with_open_text "/proc/self/status" In_channel.input_all
    |> String.split_on_char '\n'
    |> List.find_map (fun line -> Scanf.sscanf_opt line "VmRSS: %d" Fun.id)
  in
  Option.get line

let refused_many ~scale () =
  let values = Array.of_list (List.map fst always) in
  let value i = values.(i mod Array.length values) in
  let once way i =
    match way with
    | Raises f -> (
        match f (value i) with
        | () -> Expect.failf "value %d is accepted" i
        | exception Invalid_argument _ -> Lwt.return_unit)
    | Rejected_at_once f | Rejects f ->
        Lwt.try_bind
          (fun () -> f (value i))
          (fun () -> Expect.failf "value %d is accepted" i)
          (function Invalid_argument _ -> Lwt.return_unit | e -> Lwt.fail e)
  in
  let rec repeat n way =
    if n = 0 then Lwt.return_unit
    else
      let* () = once way n in
      let* () = if n mod 1000 = 0 then Lwt.pause () else Lwt.return_unit in
      repeat (n - 1) way
  in
  let count = function
    | Raises _ -> 200_000
    | Rejected_at_once _ -> 50_000
    | Rejects _ -> 5_000
  in
  let all part =
    Lwt_list.iter_s
      (fun (_, way) -> repeat (max 6 (count way / scale / part)) way)
      (to_rust @ within_the_body)
  in
  let state () =
    let+ () =
      (* tokio drops what it has finished on its own threads. *)
      Expect.eventually (fun () ->
          let t = Lwt_interop.totals () in
          (t.slots, t.tasks, t.messages) = (0, 0, 0))
    in
    Gc.full_major ();
    let t = Lwt_interop.totals () in
    (t.roots, (Gc.stat ()).live_words, resident ())
  in
  let* () = all 50 in
  let* roots, words, memory = state () in
  let before = Rust.types_bodies () in
  let* () = all 1 in
  let* roots', words', memory' = state () in
  Expect.int "bodies that have run" before (Rust.types_bodies ());
  Expect.int "roots" roots roots';
  Expect.that
    (Printf.sprintf "OCaml's heap had %d words, and has %d" words words')
    (words' - words < 20_000);
  (* A leak of eight bytes for each refusal would be more. *)
  Expect.that
    (Printf.sprintf "the process had %d kB, and has %d" memory memory')
    (Expect.under_sanitizer || memory' - memory < 16_000);
  Lwt.return_unit

(* ---- *)

(* [gc] says that the collector is to run all the time. *)
let () =
  let gc = Array.length Sys.argv > 1 && Sys.argv.(1) = "gc" in
  let argv = Array.of_list (List.filter (( <> ) "gc") (Array.to_list Sys.argv)) in
  if gc then Collector.between_iterations ();
  let open Everywhere in
  let suites =
    suites
      ?on:(if gc then Some [ "Domain 0" ] else None)
      ?several:(if gc then Some [] else None)
      [
        case "a value that does not fit is refused before the function runs"
          (before_the_body always);
        case "a value that does not fit is refused within the function"
          (in_the_body always);
        case "a cyclic or deep value is refused before the function runs"
          (before_the_body endless);
        case "a cyclic or deep value is refused within the function" (in_the_body endless);
        case "a value of another type is refused before the function runs"
          (before_the_body checked);
        case "a value of another type is refused within the function"
          (in_the_body checked);
        alone "channels, which OCaml prepares, are refused and accepted in every way"
          unprepared;
        case "a conversion that panics is Rust_panic" panics;
        case "a value that does not convert to OCaml is refused" does_not_convert;
        alone "a value that converts is accepted in every way"
          (accepted ~many:(if gc then 2_000 else 1_000_000));
        alone "a million refusals leave nothing behind"
          (refused_many
             ~scale:(if gc then 1000 else if Expect.under_sanitizer then 10 else 1));
      ]
    @ [ ("at the end", [ nothing_left () ]) ]
  in
  if gc then
    Collector.beside (fun () -> Alcotest.run "types-gc" ~argv ~and_exit:false suites)
  else Alcotest.run "types" ~argv suites
