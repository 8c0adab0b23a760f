(* A value that goes to Rust and back is the same, bit for bit, whichever way it takes. *)

open Lwt.Syntax
open QCheck2

(* ---- ways to Rust and back *)

type 'a way = string * ('a -> 'a Lwt.t)

let ways sync pending : 'a way list =
  [ ("sync", fun v -> Lwt.return (sync v)); ("pending", pending) ]

let all_ways sync pending ready tokio blocking root callback async_callback promise :
    'a way list =
  ways sync pending
  @ [
      ("ready", ready);
      ("tokio", tokio);
      ("blocking", blocking);
      ("root", root);
      ( "callback",
        fun v ->
          callback v (fun v ->
              Gc.minor ();
              v) );
      ( "asynchronous callback",
        fun v ->
          async_callback v (fun v ->
              let+ () = Lwt.pause () in
              v) );
      ( "promise",
        fun v ->
          let p, u = Lwt.wait () in
          let back = promise p in
          Lwt.wakeup_later u v;
          back );
    ]

(* OCaml's equality says that NaN differs from itself, and that -0. equals 0. The marshalled bytes
   are exact, and also show the shape in memory. *)
let bytes_of v = Marshal.to_string v [ Marshal.No_sharing ]

let describe v =
  let bytes = bytes_of v in
  Printf.sprintf "%d bytes marshalled: %S" (String.length bytes)
    (String.sub bytes 0 (min 300 (String.length bytes)))

let round_trips name ?(count = 20) ways gen =
  let returns v (way, f) =
    let+ back = f v in
    if bytes_of back <> bytes_of v then
      Test.fail_reportf "%s: another value came back: %s" way (describe back)
  in
  let all v =
    (* All ways at the same time. *)
    Lwt_main.run (Lwt_list.iter_p (returns v) ways);
    true
  in
  Test.make ~name ~count ~print:describe gen all

(* ---- values *)

let one_of values = Gen.oneof (List.map Gen.return values)
let limits l gen = Gen.frequency [ (1, one_of l); (2, gen) ]
let int = limits [ 0; 1; -1; max_int; min_int; 255; 256; -256 ] Gen.int
let int32 = limits [ 0l; 1l; -1l; Int32.max_int; Int32.min_int ] Gen.int32
let int64 = limits [ 0L; 1L; -1L; Int64.max_int; Int64.min_int ] Gen.int64

let float =
  let signalling = Int64.float_of_bits 0x7FF0_0000_0000_0001L
  and negative_nan = Int64.float_of_bits 0xFFF8_0000_0000_0042L in
  let special =
    [ 0.; -0.; 1.; nan; signalling; negative_nan; infinity; neg_infinity ]
    @ [ epsilon_float; min_float; max_float; Float.succ 0.; Float.pred 1. ]
  in
  limits special (Gen.map Int64.float_of_bits Gen.int64)

(* Mostly short; arrays of more than 256 words are allocated in the major heap. *)
let size = Gen.frequency [ (20, Gen.int_bound 10); (1, Gen.int_range 200 600) ]
let any_string = Gen.string_size ~gen:Gen.char size

let bytes =
  Gen.frequency
    [
      (1, Gen.return "\000");
      (10, any_string);
      (1, Gen.map (fun c -> String.make 0x10_0000 c) Gen.char);
    ]

let text =
  let scalar =
    Gen.oneof
      [
        one_of [ 0; 0x7F; 0x80; 0x7FF; 0x800; 0xD7FF; 0xE000; 0xFFFF; 0x10000; 0x10FFFF ];
        Gen.int_range 0 0xD7FF;
      ]
  in
  let utf_8 scalars =
    let b = Buffer.create 100 in
    List.iter (fun u -> Buffer.add_utf_8_uchar b (Uchar.of_int u)) scalars;
    Buffer.contents b
  in
  Gen.map utf_8 (Gen.list_size size scalar)

let short_text =
  Gen.map (String.map (fun c -> Char.chr (Char.code c land 0x7F))) any_string

let result ok error = Gen.oneof [ Gen.map Result.ok ok; Gen.map Result.error error ]
let point = Gen.map2 (fun x y : Rust.echoed_point -> { x; y }) float float

let leaf =
  let open Gen in
  let* key = any_string and* name = short_text in
  let* weight = float and* count = option int64 and* place = option point in
  let* tags = list_size size int and* scores = array_size size float in
  let* origin = triple bool char int32 and* links = list_size (int_bound 20) int in
  let links = List.map (fun k -> (k, ())) (List.sort_uniq compare links) in
  return { Rust.key; name; weight; count; place; tags; scores; origin; links }

let tree : Rust.echoed_tree Gen.t =
  Gen.sized_size (Gen.int_bound 60)
    (Gen.fix (fun self n ->
         let small = Gen.map (fun l : Rust.echoed_tree -> Single l) leaf in
         if n = 0 then Gen.oneof [ one_of Rust.[ Empty; Full ]; small ]
         else
           Gen.oneof
             [
               small;
               Gen.map3
                 (fun l r middle : Rust.echoed_tree -> Node (l, middle, r))
                 (self (n / 2))
                 (self (n / 2))
                 (result Gen.bool int);
               Gen.map
                 (fun l : Rust.echoed_tree -> Many (Array.of_list l))
                 (Gen.list_size (Gen.int_bound 4) (self (n / 4)));
             ]))

(* A BTreeMap returns its entries sorted, and each key once. *)
let map =
  let canonical l =
    let module Map = Map.Make (String) in
    Map.bindings (Map.of_seq (List.to_seq l))
  in
  Gen.map canonical
    (Gen.list_size size
       (Gen.pair (Gen.string_size ~gen:Gen.char (Gen.int_bound 20)) float))

let texts =
  all_ways Rust.text_sync Rust.text_pending Rust.text_ready Rust.text_tokio
    Rust.text_blocking Rust.text_root Rust.text_callback Rust.text_async_callback
    Rust.text_promise

let tests () =
  let open Rust in
  [
    round_trips "int"
      (all_ways int_sync int_pending int_ready int_tokio int_blocking int_root
         int_callback int_async_callback int_promise)
      int;
    round_trips "char, as u8" (ways char_sync char_pending) Gen.char;
    round_trips "bool" ~count:8 (ways bool_sync bool_pending) Gen.bool;
    round_trips "unit" ~count:2 (ways unit_sync unit_pending) Gen.unit;
    round_trips "float"
      (all_ways float_sync float_pending float_ready float_tokio float_blocking float_root
         float_callback float_async_callback float_promise)
      float;
    round_trips "int32" (ways int32_sync int32_pending) int32;
    round_trips "int64" (ways int64_sync int64_pending) int64;
    round_trips "string, as String" texts text;
    round_trips "string, as Bytes"
      (all_ways bytes_sync bytes_pending bytes_ready bytes_tokio bytes_blocking bytes_root
         bytes_callback bytes_async_callback bytes_promise)
      bytes;
    round_trips "option of option"
      (ways option_sync option_pending)
      Gen.(option (option int));
    round_trips "result" (ways result_sync result_pending) (result int short_text);
    round_trips "list" (ways list_sync list_pending)
      (Gen.list_size size (Gen.string_size ~gen:Gen.char (Gen.int_bound 20)));
    round_trips "int array" (ways ints_sync ints_pending) (Gen.array_size size int);
    round_trips "float array"
      (all_ways floats_sync floats_pending floats_ready floats_tokio floats_blocking
         floats_root floats_callback floats_async_callback floats_promise)
      (Gen.array_size size float);
    round_trips "string array"
      (ways array_sync array_pending)
      (Gen.array_size size (Gen.string_size ~gen:Gen.char (Gen.int_bound 20)));
    round_trips "tuple" (ways tuple_sync tuple_pending) (Gen.triple int float bytes);
    round_trips "association list, as BTreeMap" (ways map_sync map_pending) map;
    round_trips "record of floats" (ways point_sync point_pending) point;
    round_trips "variants and records"
      (all_ways tree_sync tree_pending tree_ready tree_tokio tree_blocking tree_root
         tree_callback tree_async_callback tree_promise)
      tree;
  ]

(* ---- values that do not convert *)

let not_utf_8 = "caf\xE9"

let rejects_bytes () =
  let rejects (way, f) =
    let* e = Expect.rejected way (Lwt.apply f not_utf_8) in
    match e with
    | Invalid_argument text ->
        Expect.contains way ~part:"UTF-8 string" text;
        Lwt.return_unit
    | e -> Expect.failf "%s: %s" way (Printexc.to_string e)
  in
  Lwt_list.iter_p rejects texts

(* ---- *)

let places =
  [
    ("Domain 0", fun f -> f ());
    ( "two domains",
      fun f ->
        let other = Domain.spawn f in
        Fun.protect f ~finally:(fun () -> Domain.join other) );
  ]

let () =
  let seed =
    match Sys.getenv_opt "QCHECK_SEED" with
    | Some seed -> int_of_string seed
    | None -> Random.State.(bits (make_self_init ()))
  in
  (* The seed is part of the test's name, which is shown when the test fails. *)
  let case (Test.Test cell as test) (_, run) =
    Everywhere.plain
      (Printf.sprintf "%s (QCHECK_SEED=%d)" (Test.get_name cell) seed)
      (fun () -> run (fun () -> Test.check_exn ~rand:(Random.State.make [| seed |]) test))
  in
  let suite ((name, run) as place) =
    ( name,
      List.map (fun t -> case t place) (tests ())
      @ [
          Everywhere.plain "a string that is not UTF-8 is an error" (fun () ->
              run (fun () -> Lwt_main.run (rejects_bytes ())));
        ] )
  in
  Collector.beside (fun () ->
      Alcotest.run "conversions" ~and_exit:false
        (List.map suite places @ [ ("at the end", [ Everywhere.nothing_left () ]) ]))
