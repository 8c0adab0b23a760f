open Benches_harness

(* The conversions of the crate [ocaml]: see [benches/src/conversions.rs]. *)
module Crate = struct
  external string : string -> string = "bench_crate_string"
  external records_to_ocaml : unit -> Rust.record array = "bench_crate_records_to_ocaml"
  external records_to_rust : Rust.record array -> int = "bench_crate_records_to_rust"
end

let string name convert =
  Bench.operation name ~micro:true (fun () n ->
      for _ = 1 to n do
        ignore (convert "record no 12" : string)
      done)

(* The baselines are the same conversions by the crate [ocaml], or plain Rust code where that alone takes most of the
   time. *)
let crate_string_call = string "crate_string_call" Crate.string

let string_call =
  { (string "string_call" Rust.string) with baseline = Some crate_string_call }

let records = 1_000

(* An operation is one record. *)
let of_records name ?baseline run =
  Bench.operation name ?baseline ~micro:true ~at_least:records (fun () ->
      let run = run () in
      fun n ->
        for _ = 1 to (n + records - 1) / records do
          run ()
        done)

let records_to_ocaml name ?baseline make =
  of_records name ?baseline (fun () () -> ignore (make () : Rust.record array))

let records_to_rust name ?baseline take =
  of_records name ?baseline (fun () ->
      let records = Rust.records_to_ocaml () in
      fun () -> ignore (take records : int))

let crate_records_to_ocaml =
  records_to_ocaml "crate_records_to_ocaml" Crate.records_to_ocaml

let crate_records_to_rust = records_to_rust "crate_records_to_rust" Crate.records_to_rust
let bytes_1m_there_and_back () = ignore (Rust.bytes Native.mebibyte : bytes)

let bytes_1m =
  Bench.operation "bytes_1m" ~baseline:Native.memcpy (fun () n ->
      for _ = 1 to n do
        bytes_1m_there_and_back ()
      done)

(* The collector moves what it finds in the minor heap, and sweeps what nobody holds any more:
   after an array of a thousand records, that takes longer than the conversion. These are the
   times of the conversions alone. Each begins with an empty minor heap, which has room for its
   result, and the slice of a major collection that it may have made due comes after it. *)
let alone name ?baseline ?(operations = 1) run =
  Bench.metric name ?baseline ~rounds:11 ~unit:"ns" (fun ~quick () ->
      let times = if quick then 1 else 100 in
      let total = ref 0 in
      for _ = 1 to times do
        Gc.minor ();
        let start = Rust.now () in
        run ();
        total := !total + Rust.now () - start
      done;
      float_of_int !total /. float_of_int (times * operations))

let records_alone name ?baseline make =
  alone name ?baseline ~operations:records (fun () ->
      ignore (make () : Rust.record array))

let crate_records_to_ocaml_no_gc =
  records_alone "crate_records_to_ocaml_no_gc" Crate.records_to_ocaml

let records_to_ocaml_no_gc =
  records_alone "records_to_ocaml_no_gc" ~baseline:crate_records_to_ocaml_no_gc
    Rust.records_to_ocaml

let memcpy_1m_no_gc =
  let target = Bytes.copy Native.mebibyte in
  alone "memcpy_no_gc" (fun () ->
      Bytes.blit Native.mebibyte 0 target 0 (Bytes.length target))

let bytes_1m_no_gc =
  alone "bytes_1m_no_gc" ~baseline:memcpy_1m_no_gc bytes_1m_there_and_back

(* The same in OCaml: what its allocations and collections cost by themselves. *)
let ocaml_records =
  records_to_ocaml "ocaml_records" (fun () ->
      Array.init records (fun id ->
          let name = Bytes.unsafe_to_string (Bytes.make 13 'x') in
          { Rust.id; name; score = float_of_int (Sys.opaque_identity id) }))

let ocaml_bytes_1m =
  Bench.operation "ocaml_bytes_1m" ~baseline:Native.memcpy (fun () n ->
      for _ = 1 to n do
        ignore (Sys.opaque_identity (Bytes.copy Native.mebibyte) : bytes)
      done)

(* The same in Rust. *)
let rust_records =
  of_records "rust_records" (fun () () -> ignore (Rust.records_clone () : int))

let bigarray_1m =
  Bench.operation "bigarray_1m" ~baseline:Native.memcpy ~micro:true (fun () ->
      let length = Bytes.length Native.mebibyte in
      let array = Bigarray.(Array1.create int8_unsigned c_layout length) in
      Bigarray.Array1.fill array 1;
      fun n ->
        for _ = 1 to n do
          ignore (Rust.bigarray array : _ Bigarray.Array1.t)
        done)

let benches =
  [
    crate_string_call;
    string_call;
    crate_records_to_ocaml;
    ocaml_records;
    records_to_ocaml "records_to_ocaml" ~baseline:crate_records_to_ocaml
      Rust.records_to_ocaml;
    records_to_ocaml_no_gc;
    crate_records_to_rust;
    rust_records;
    records_to_rust "records_to_rust" ~baseline:rust_records Rust.records_to_rust;
    ocaml_bytes_1m;
    bytes_1m;
    bytes_1m_no_gc;
    bigarray_1m;
  ]
