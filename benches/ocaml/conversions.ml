open Benches_harness

let string name convert =
  Bench.operation name ~micro:true (fun () n ->
      for _ = 1 to n do
        ignore (convert "record no 12" : string)
      done)

(* The baselines are the same conversions by the crate [ocaml]. *)
let crate_string_call = string "crate_string_call" Rust.Crate.string

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
  records_to_ocaml "crate_records_to_ocaml" Rust.Crate.records_to_ocaml

let crate_records_to_rust =
  records_to_rust "crate_records_to_rust" Rust.Crate.records_to_rust

let bytes_1m =
  Bench.operation "bytes_1m" ~baseline:Native.memcpy (fun () n ->
      for _ = 1 to n do
        ignore (Rust.bytes Native.mebibyte : bytes)
      done)

let benches =
  [
    crate_string_call;
    string_call;
    crate_records_to_ocaml;
    records_to_ocaml "records_to_ocaml" ~baseline:crate_records_to_ocaml
      Rust.records_to_ocaml;
    crate_records_to_rust;
    records_to_rust "records_to_rust" ~baseline:crate_records_to_rust Rust.records_to_rust;
    bytes_1m;
  ]
