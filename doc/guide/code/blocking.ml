open Lwt.Syntax
module Pool = Lwt_interop.Pool

let rec fibonacci n = if n < 2 then n else fibonacci (n - 1) + fibonacci (n - 2)

let main () =
  let path = Sys.executable_name in
  (* Rust blocks, Rust computes, OCaml blocks and OCaml computes, all at the same time. *)
  let rust_blocks = Rust.count_bytes path in
  let rust_computes = Rust.count_primes 10_000 in
  let ocaml_blocks =
    Lwt_interop.Blocking.run (fun () ->
        In_channel.with_open_bin path In_channel.input_all |> String.length)
  in
  let ocaml_computes =
    Pool.spawn (Pool.default ()) (fun () -> Lwt.return (fibonacci 25))
  in
  let* bytes = rust_blocks and* bytes' = ocaml_blocks in
  let* () = Lwt_io.printlf "the same size: %b" (bytes = bytes') in
  let* primes = rust_computes and* number = ocaml_computes in
  Lwt_io.printlf "primes: %d, Fibonacci: %d" primes number

let () = Lwt_interop.run ~domains:1 main
