(* Bigarrays: both languages work on the same memory, which is freed when neither has it any more. *)

open Lwt.Syntax
open Everywhere
open Bigarray

type ('a, 'kind) array1 = ('a, 'kind, c_layout) Array1.t
type bytes1 = (int, int8_unsigned_elt) array1
type int64s = (int64, int64_elt) array1

(* The generated declaration takes an array of [int]: Rust's [u8] is OCaml's [char] as well. *)
external double_chars :
  (char, int8_unsigned_elt) array1 -> (char, int8_unsigned_elt) array1
  = "bigarray_double_u8"

(* Of no type: what a wrong declaration passes. *)
(* Wrong, in order to pass what is no such array. *)
external double_any : Obj.t -> Obj.t = "bigarray_double_f64" [@@ocaml_lwt.unchecked]

let elements a = List.init (Array1.dim a) (Array1.get a)

let of_kind what kind make double ~number first =
  let expected = List.init 5 (fun n -> number (first + n)) in
  let twice = List.init 5 (fun n -> number (2 * (first + n))) in
  let from_rust = make 5 in
  Expect.that (what ^ ": the kind") (Array1.kind from_rust = kind);
  Expect.that (what ^ ": from Rust") (elements from_rust = expected);
  let from_ocaml = Array1.of_array kind c_layout (Array.of_list expected) in
  Expect.that (what ^ ": equal") (compare from_rust from_ocaml = 0);
  Expect.int (what ^ ": the hash") (Hashtbl.hash from_ocaml) (Hashtbl.hash from_rust);
  Expect.that (what ^ ": doubled") (elements (double from_rust) = twice);
  Expect.that (what ^ ": doubled, where it was") (elements from_rust = twice);
  Expect.that (what ^ ": the same value") (double from_ocaml == from_ocaml);
  Expect.that (what ^ ": doubled") (elements from_ocaml = twice);
  Expect.int (what ^ ": empty") 0 (Array1.dim (double (make 0)));
  Expect.int (what ^ ": empty, of OCaml") 0
    (Array1.dim (double (Array1.create kind c_layout 0)))

let kinds () =
  of_kind "i8" int8_signed Rust.bigarray_make_i8 Rust.bigarray_double_i8 ~number:Fun.id
    (-1);
  of_kind "u8" int8_unsigned Rust.bigarray_make_u8 Rust.bigarray_double_u8 ~number:Fun.id
    0;
  of_kind "i16" int16_signed Rust.bigarray_make_i16 Rust.bigarray_double_i16
    ~number:Fun.id (-1);
  of_kind "u16" int16_unsigned Rust.bigarray_make_u16 Rust.bigarray_double_u16
    ~number:Fun.id 0;
  of_kind "i32" int32 Rust.bigarray_make_i32 Rust.bigarray_double_i32 ~number:Int32.of_int
    (-1);
  of_kind "i64" int64 Rust.bigarray_make_i64 Rust.bigarray_double_i64 ~number:Int64.of_int
    (-1);
  of_kind "isize" nativeint Rust.bigarray_make_isize Rust.bigarray_double_isize
    ~number:Nativeint.of_int (-1);
  of_kind "f32" float32 Rust.bigarray_make_f32 Rust.bigarray_double_f32
    ~number:float_of_int (-1);
  of_kind "f64" float64 Rust.bigarray_make_f64 Rust.bigarray_double_f64
    ~number:float_of_int (-1);
  let chars = Array1.of_array char c_layout [| ' '; '!' |] in
  Expect.that "chars" (elements (double_chars chars) = [ '@'; 'B' ]);
  Lwt.return_unit

let wrong () =
  let check what ~found value =
    match Expect.raised what (fun () -> double_any (Obj.repr value)) with
    | Invalid_argument message ->
        Expect.contains what message
          ~part:
            ("expected (float, Bigarray.float64_elt, Bigarray.c_layout) \
              Bigarray.Array1.t, found " ^ found)
    | e -> raise e
  in
  let none = "a value that is no Bigarray" in
  check "an int" 1 ~found:none;
  check "a string" "text" ~found:none;
  check "an int64" 1L ~found:none;
  check "a mutex" (Mutex.create ()) ~found:none;
  check "another kind" (Rust.bigarray_make_f32 3) ~found:"a Bigarray of float32";
  check "ints" (Array1.create int c_layout 3) ~found:"a Bigarray of int";
  check "Fortran"
    (Array1.create float64 fortran_layout 3)
    ~found:"a Bigarray in Fortran layout";
  check "two dimensions"
    (Array2.create float64 c_layout 2 2)
    ~found:"a Bigarray of 2 dimensions";
  check "none" (Array0.create float64 c_layout) ~found:"a Bigarray of 0 dimensions";
  Lwt.return_unit

(* A file is mapped at any byte. *)
let mapped () =
  let name = Filename.temp_file "bigarray" "" in
  let fd = Unix.openfile name [ O_RDWR ] 0o600 in
  Fun.protect
    ~finally:(fun () ->
      Unix.close fd;
      Sys.remove name)
    (fun () ->
      let map pos =
        array1_of_genarray (Unix.map_file fd ~pos float64 c_layout true [| 4 |])
      in
      let aligned = map 0L in
      Array1.fill aligned 1.5;
      Expect.that "mapped"
        (elements (Rust.bigarray_double_f64 aligned) = [ 3.; 3.; 3.; 3. ]);
      match Expect.raised "not aligned" (fun () -> Rust.bigarray_double_f64 (map 3L)) with
      | Invalid_argument message ->
          Expect.contains "not aligned" message ~part:"not aligned"
      | e -> raise e);
  Lwt.return_unit

let parts () =
  let whole = Rust.bigarray_make_i64 100 in
  let part = Array1.sub whole 10 20 in
  let part_of_part = Array1.sub part 5 5 in
  let reshaped = reshape (genarray_of_array1 whole) [| 10; 10 |] in
  let row = array1_of_genarray (Genarray.slice_left reshaped [| 9 |]) in
  ignore (Rust.bigarray_double_i64 part : int64s);
  let is ~first a = Array1.get a 0 = Int64.of_int first in
  Expect.that "doubled within the whole"
    (Array1.get whole 10 = 18L && is ~first:28 part_of_part);
  Expect.that "not beyond" (Array1.get whole 9 = 8L && Array1.get whole 30 = 29L);
  Gc.full_major ();
  (* The whole is gone, and its memory is not. *)
  ignore (Rust.bigarray_double_i64 part_of_part : int64s);
  Expect.that "after a collection" (is ~first:56 part_of_part && is ~first:89 row);
  Array1.fill part_of_part 7L;
  Array1.blit row (Array1.sub row 0 10);
  let copy : int64s = Marshal.from_string (Marshal.to_string part_of_part []) 0 in
  Expect.that "marshalled" (elements copy = [ 7L; 7L; 7L; 7L; 7L ]);
  ignore (Rust.bigarray_double_i64 copy : int64s);
  Expect.that "a copy of its own" (is ~first:7 part_of_part && is ~first:14 copy);
  Lwt.return_unit

let of_string () =
  let check is_shared =
    let array, is_copied = Rust.bigarray_of_bytes "some text" is_shared in
    Expect.that "copied if it is shared" (is_copied = is_shared);
    let* sum = Rust.bigarray_sum array in
    let codes = String.fold_left (fun n c -> n + Char.code c) 0 "some text" in
    Expect.int "the bytes" codes sum;
    Lwt.return_unit
  in
  let* () = check false in
  check true

let kept () =
  let array = Array1.of_array int8_unsigned c_layout [| 1; 2; 3 |] in
  ignore (Rust.bigarray_swap (Some array) : bytes1 option);
  Gc.full_major ();
  Gc.compact ();
  Array1.set array 0 9;
  (match Rust.bigarray_swap (Some (Rust.bigarray_make_u8 3)) with
  | Some same -> Expect.that "the same value" (same == array)
  | None -> Expect.failf "nothing was kept");
  Gc.full_major ();
  match (Rust.bigarray_swap None, Rust.bigarray_swap None) with
  | Some rusts, None ->
      Expect.that "Rust's" (elements rusts = [ 0; 1; 2 ]);
      Lwt.return_unit
  | _ -> Expect.failf "not what was kept"

let in_values () =
  let check n =
    let all = Rust.bigarrays_nested n in
    Gc.full_major ();
    Array.iteri
      (fun i (j, array) ->
        Expect.int "the index" i j;
        match array with
        | None -> Expect.int "none" 0 (i mod 3)
        | Some a ->
            Expect.that "the numbers" (elements a = List.init i (fun _ -> Int64.of_int i)))
      all
  in
  List.iter check [ 0; 1; 5; 300 ];
  Lwt.return_unit

(* Two threads of Rust write while OCaml reads and writes. scripts/sanitizers/tsan.supp lists the races of
   [beside_writers], by its name. *)
let concurrent () =
  let a = 0x0123456789abcdefL and b = -2L in
  let array = Array1.create int64 c_layout 512 in
  Array1.fill array a;
  let writers =
    [ Rust.bigarray_hammer array a 2_000; Rust.bigarray_hammer array b 2_000 ]
  in
  let rec beside_writers n =
    if n = 0 then Lwt.return_unit
    else begin
      for i = 0 to Array1.dim array - 1 do
        let x = Array1.get array i in
        Expect.that "a whole element" (x = a || x = b);
        Array1.set array i x
      done;
      Expect.int "torn elements" 0 (Rust.bigarray_torn array a b);
      let* () = Lwt.pause () in
      beside_writers (n - 1)
    end
  in
  let* () = beside_writers 200 in
  Lwt.join writers

let bounds () =
  let e =
    Expect.raised "out of bounds" (fun () ->
        Rust.bigarray_out_of_bounds (Rust.bigarray_make_i64 3))
  in
  Expect.panicked "out of bounds" e ~message:"element 3 of a Bigarray of 3 elements";
  Lwt.return_unit

let resident () =
  In_channel.with_open_text "/proc/self/statm" (fun channel ->
      match String.split_on_char ' ' (In_channel.input_all channel) with
      | _ :: pages :: _ -> int_of_string pages / 256
      | _ -> failwith "statm")

let megabytes = 2

(* [make] gives an array of so many megabytes, 1,000 times, so 2 GB in all. *)
let is_freed make () =
  let before = resident () in
  let rec go n most =
    if n = 0 then Lwt.return most
    else begin
      ignore (Sys.opaque_identity (make ()) : bytes1);
      let* () = Lwt.pause () in
      go (n - 1) (max most (resident () - before))
    end
  in
  let* most = go 1_000 0 in
  if most > 300 then Expect.failf "%d MB are in use" most;
  Lwt.return_unit

let () =
  let make () = Rust.bigarray_filled (megabytes lsl 20) in
  let part () = Array1.sub (make ()) 1_000 10 in
  let through_rust () =
    ignore (Rust.bigarray_swap (Some (make ())) : bytes1 option);
    Option.get (Rust.bigarray_swap None)
  in
  (* On Domain 0, while there is no other: with several, a collection takes as long as the slowest needs to take part,
     and the others allocate meanwhile. A sanitizer keeps what is freed for a while. *)
  let frees what make =
    plain what (fun () ->
        if not Expect.under_sanitizer then on_domains 1 (fun _ -> is_freed make ()))
  in
  Alcotest.run "bigarrays"
    (suites ~several:[ 2 ]
       [
         case "every kind, both ways" kinds;
         case "what is not an array of the kind" wrong;
         case "a file that is mapped" mapped;
         case "sub-arrays share the memory" parts;
         case "bytes are copied only if they are shared" of_string;
         alone "what comes back is the same value" kept;
         case "within other values" in_values;
         case "threads and domains share elements" concurrent;
         case "bounds" bounds;
       ]
    @ [
        ( "memory is freed",
          [
            frees "an array" make;
            frees "a part of one" part;
            frees "one that Rust kept" through_rust;
          ] );
        ("at the end", [ nothing_left () ]);
      ])
