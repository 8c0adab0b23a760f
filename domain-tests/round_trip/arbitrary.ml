(* Random values of the types that Rust functions take. generator/ writes expressions of these functions. *)

open QCheck2

type 'a t = {
  generate : int -> 'a Gen.t;  (** Of at most so many levels. *)
  print : 'a -> string;
  equal : 'a -> 'a -> bool;
  refused : 'a list;  (** Values of the OCaml type that the Rust type does not have. *)
}

(** A name, and a function that returns its argument. *)
type test = Test : string * 'a t * ('a -> 'a Lwt.t) -> test

let make ?(equal = ( = )) ?(refused = []) print generate =
  { generate = (fun _ -> generate); print; equal; refused }

let one_of values = Gen.oneof (List.map Gen.return values)
let limits values gen = Gen.frequency [ (1, one_of values); (2, gen) ]

(* ---- numbers *)

let int ~min ~max =
  let all = if min = min_int then Gen.int else Gen.int_range min max in
  let is_outside n = n < min || n > max in
  let refused = List.filter is_outside [ min - 1; max + 1; min_int; max_int; -1 ] in
  make string_of_int (limits [ min; max; 0 ] all) ~refused

let int32 = make Int32.to_string (limits [ 0l; Int32.min_int; Int32.max_int ] Gen.int32)
let int64s = limits [ 0L; Int64.max_int ] Gen.int64
let int64 = make Int64.to_string (limits [ Int64.min_int ] int64s)

let positive_int64 =
  make Int64.to_string
    (Gen.map (fun n -> Int64.logand n Int64.max_int) int64s)
    ~refused:[ -1L; Int64.min_int ]

let nativeint = make Nativeint.to_string (Gen.map Int64.to_nativeint int64s)

(* Bit by bit: NaN equals itself, and -0. is not 0. *)
let equal_float a b = Int64.bits_of_float a = Int64.bits_of_float b
let print_float = Printf.sprintf "%h"
let special = [ 0.; -0.; 1.; infinity; neg_infinity; nan ]

let float =
  let special = special @ [ epsilon_float; max_float; Float.succ 0. ] in
  make print_float ~equal:equal_float
    (limits special (Gen.map Int64.float_of_bits Gen.int64))

(* A NaN of 32 bits has fewer kinds. *)
let float32 =
  let equal a b = equal_float a b || (Float.is_nan a && Float.is_nan b) in
  make print_float ~equal ~refused:[ 1e300; -1e300 ]
    (limits special (Gen.map Int32.float_of_bits Gen.int32))

(* Multiples of 1/512 s are a whole number of nanoseconds, and exact as floats. *)
let seconds ~from ~until =
  Gen.map (fun n -> float_of_int n /. 512.) (Gen.int_range (from * 512) (until * 512))

let duration =
  make print_float ~equal:equal_float ~refused:[ -1.; nan; infinity ]
    (seconds ~from:0 ~until:8_000_000)

let time =
  make print_float ~equal:equal_float ~refused:[ nan; infinity; 1e30 ]
    (seconds ~from:(-4_000_000_000) ~until:4_000_000_000)

let bool = make string_of_bool Gen.bool
let char = make (Printf.sprintf "%C") Gen.char
let unit = make (fun () -> "()") Gen.unit

let scalar =
  limits
    [ 0x7F; 0x80; 0x7FF; 0x800; 0xD7FF; 0xE000; 0xFFFF; 0x10000; 0x10FFFF ]
    (Gen.int_range 0 0xD7FF)

let uchar =
  make (fun u -> Printf.sprintf "U+%04X" (Uchar.to_int u)) (Gen.map Uchar.of_int scalar)

(* ---- text *)

(* Mostly short; blocks of more than 256 words are allocated in the major heap. *)
let size = Gen.frequency [ (20, Gen.int_bound 10); (1, Gen.int_range 200 600) ]
let byte_strings size = Gen.string_size ~gen:Gen.char size
let byte_string = make (Printf.sprintf "%S") (byte_strings size)

let text =
  let utf_8 scalars =
    let b = Buffer.create 100 in
    List.iter (fun u -> Buffer.add_utf_8_uchar b (Uchar.of_int u)) scalars;
    Buffer.contents b
  in
  make (Printf.sprintf "%S")
    (Gen.map utf_8 (Gen.list_size size scalar))
    ~refused:[ "\xFF"; "caf\xE9" ]

let bytes ?length () =
  let size, refused =
    match length with
    | None -> (size, [])
    | Some n -> (Gen.return n, [ Bytes.empty; Bytes.create (n + 1) ])
  in
  make
    (fun b -> Printf.sprintf "%S" (Bytes.to_string b))
    (Gen.map Bytes.of_string (byte_strings size))
    ~refused

(* ---- structures *)

let sequence open_ close print items =
  open_ ^ String.concat "; " (List.map print items) ^ close

let levels = 6

(* Only the outermost level may be large, and the innermost is empty. *)
let items n a =
  let size = if n = levels then size else Gen.int_bound 3 in
  if n <= 0 then Gen.return [] else Gen.list_size size (a.generate (n - 1))

let list a =
  {
    generate = (fun n -> items n a);
    print = sequence "[" "]" a.print;
    equal = List.equal a.equal;
    refused = List.map (fun v -> [ v ]) a.refused;
  }

let isomorphic make get a =
  {
    generate = (fun n -> Gen.map make (a.generate n));
    print = (fun v -> a.print (get v));
    equal = (fun v w -> a.equal (get v) (get w));
    refused = List.map make a.refused;
  }

let array ?length a =
  let a' = isomorphic Array.of_list Array.to_list (list a) in
  match length with
  | None -> a'
  | Some length ->
      {
        a' with
        generate = (fun n -> Gen.array_size (Gen.return length) (a.generate n));
        refused = [ [||] ];
      }

let option a =
  {
    generate =
      (fun n -> if n <= 0 then Gen.return None else Gen.option (a.generate (n - 1)));
    print = (function None -> "None" | Some v -> Printf.sprintf "Some (%s)" (a.print v));
    equal = Option.equal a.equal;
    refused = List.map Option.some a.refused;
  }

let result ok error =
  let print = function
    | Ok v -> Printf.sprintf "Ok (%s)" (ok.print v)
    | Error e -> Printf.sprintf "Error (%s)" (error.print e)
  in
  {
    generate =
      (fun n ->
        Gen.oneof
          [ Gen.map Result.ok (ok.generate n); Gen.map Result.error (error.generate n) ]);
    print;
    equal = Result.equal ~ok:ok.equal ~error:error.equal;
    refused = List.map Result.ok ok.refused @ List.map Result.error error.refused;
  }

let pair a b =
  {
    generate = (fun n -> Gen.pair (a.generate n) (b.generate n));
    print = (fun (v, w) -> Printf.sprintf "(%s, %s)" (a.print v) (b.print w));
    equal = (fun (v, w) (v', w') -> a.equal v v' && b.equal w w');
    refused = [];
  }

(* Each key once. A Rust map may return them in another order. *)
let map key value =
  let sorted l = List.sort (fun (k, _) (k', _) -> compare k k') l in
  let distinct l = List.sort_uniq (fun (k, _) (k', _) -> compare k k') l in
  let all = list (pair key value) in
  {
    all with
    generate = (fun n -> Gen.map distinct (all.generate n));
    equal = (fun l l' -> all.equal (sorted l) (sorted l'));
  }

let set a =
  let all = list a in
  let twice = function v :: _ -> Some [ v; v ] | [] -> None in
  {
    all with
    generate = (fun n -> Gen.map (List.sort_uniq compare) (all.generate n));
    equal = (fun l l' -> all.equal (List.sort compare l) (List.sort compare l'));
    refused = all.refused @ List.filter_map twice (Gen.generate ~n:9 (all.generate 1));
  }

(* ---- types with a name *)

type 'a case =
  | Constant of 'a
  | Case : { of_ : 'b t; make : 'b -> 'a; get : 'a -> 'b option } -> 'a case

let variant cases =
  let generate n case =
    match case with
    | Constant v -> Some (Gen.return v)
    | Case _ when n <= 0 -> None
    | Case { of_; make; _ } -> Some (Gen.map make (of_.generate (n - 1)))
  in
  (* Of two values, or of one and itself. *)
  let find v w ~constant ~arguments =
    let rec go i = function
      | [] -> None
      | Constant c :: _ when c = v -> Some (constant i (c = w))
      | Constant _ :: rest -> go (i + 1) rest
      | Case { of_; get; _ } :: rest -> (
          match (get v, get w) with
          | Some a, Some b -> Some (arguments i (of_.print a) (of_.equal a b))
          | Some _, None -> Some (constant i false)
          | None, _ -> go (i + 1) rest)
    in
    go 0 cases
  in
  let print v =
    Option.get
      (find v v
         ~constant:(fun i _ -> Printf.sprintf "#%d" i)
         ~arguments:(fun i text _ -> Printf.sprintf "#%d %s" i text))
  in
  let equal v w =
    Option.get (find v w ~constant:(fun _ is -> is) ~arguments:(fun _ _ is -> is))
  in
  {
    generate = (fun n -> Gen.oneof (List.filter_map (generate n) cases));
    print;
    equal;
    refused = [];
  }

(* A type may contain itself. *)
let delay a =
  {
    generate = (fun n -> (a ()).generate n);
    print = (fun v -> (a ()).print v);
    equal = (fun v w -> (a ()).equal v w);
    refused = [];
  }

let named name a = { a with print = (fun v -> name ^ " " ^ a.print v); refused = [] }

(* ---- what one language keeps for the other *)

let any =
  make ~equal:( == )
    (fun _ -> "a value")
    (Gen.oneof
       [
         Gen.map Obj.repr Gen.int;
         Gen.map Obj.repr Gen.float;
         Gen.map Obj.repr (byte_strings size);
         Gen.map (fun l -> Obj.repr (Array.of_list l)) (Gen.list_size size Gen.float);
         Gen.map (fun n -> Obj.repr (fun m -> n + m)) Gen.int;
       ])

(* OCaml refuses to compare them. *)
let opaque make_one =
  make ~equal:(fun _ _ -> true) (fun _ -> "an opaque value") (Gen.map make_one Gen.unit)

let bigarray kind a =
  let array = Bigarray.Array1.of_array kind Bigarray.c_layout in
  let elements b = List.init (Bigarray.Array1.dim b) (Bigarray.Array1.get b) in
  {
    generate = (fun n -> Gen.map array (Gen.array_size size (a.generate n)));
    print = (fun b -> sequence "[|" "|]" a.print (elements b));
    equal = (fun b b' -> b == b' && List.equal a.equal (elements b) (elements b'));
    refused = [];
  }

let bigarray_int8_signed = bigarray Bigarray.int8_signed (int ~min:(-0x80) ~max:0x7F)
let bigarray_int8_unsigned = bigarray Bigarray.int8_unsigned (int ~min:0 ~max:0xFF)

let bigarray_int16_signed =
  bigarray Bigarray.int16_signed (int ~min:(-0x8000) ~max:0x7FFF)

let bigarray_int16_unsigned = bigarray Bigarray.int16_unsigned (int ~min:0 ~max:0xFFFF)
let bigarray_int32 = bigarray Bigarray.int32 int32
let bigarray_int64 = bigarray Bigarray.int64 int64
let bigarray_nativeint = bigarray Bigarray.nativeint nativeint
let bigarray_float32 = bigarray Bigarray.float32 float32
let bigarray_float64 = bigarray Bigarray.float64 float

let fulfilled_later v =
  let p, u = Lwt.wait () in
  Lwt.async (fun () ->
      Lwt.bind (Lwt.pause ()) (fun () ->
          Lwt.wakeup_later u v;
          Lwt.return_unit));
  p
