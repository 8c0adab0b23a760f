(* Opaque values of Rust traits, and what the collector knows of the memory that opaque values keep alive. *)

open Lwt.Syntax
open Everywhere

(* Wrong: the Rust function returns a value of another type. *)
external no_shape : unit -> Rust.any_shape = "shape_caption" [@@ocaml_lwt.unchecked]

let traits () =
  let shapes = [| Rust.shape_square 2.; Rust.shape_circle 2.; Rust.shape_square 3. |] in
  Expect.that "each has its own methods"
    (Array.map Rust.shape_area shapes = [| 4.; 12.; 9. |]);
  let* total = Rust.shapes_sum shapes in
  Expect.that "on tokio" (total = 25.);
  let texts = Rust.shape_texts "a" "b" in
  Gc.full_major ();
  Expect.that "a slice"
    (List.map (Rust.shape_text texts) [ 0; 1; 2 ] = [ Some "a"; Some "b"; None ]);
  match
    Expect.raised "a value of another type" (fun () -> Rust.shape_area (no_shape ()))
  with
  | Invalid_argument message ->
      Expect.contains "a value of another type" message
        ~part:
          "expected an Opaque<dyn domain_tests::weights::Shape>, found an \
           Opaque<domain_tests::weights::Caption>";
      Lwt.return_unit
  | e -> raise e

let kilobytes = 200
let made = 3_000

(* Without their weight, next to none of them would be collected. *)
let few_are_alive create () =
  let rec go n most =
    if n = 0 then Lwt.return most
    else begin
      ignore (Sys.opaque_identity (create ()) : Rust.page);
      let* () = Lwt.pause () in
      go (n - 1) (max most (Rust.pages_alive ()))
    end
  in
  let* most = go made 0 in
  (* 600 MB in all. *)
  if most > made / 20 then Expect.failf "%d of %d values were alive" most made;
  Expect.eventually (fun () ->
      Gc.full_major ();
      Rust.pages_alive () = 0)

(* On Domain 0, while there is no other: with several, a collection takes as long as the slowest needs to take part,
   and the others allocate meanwhile. *)
let on_domain_0 what create =
  plain what (fun () -> on_domains 1 (fun _ -> few_are_alive create ()))

let () =
  let create () = Rust.page_create (kilobytes * 1024) in
  Alcotest.run "weights"
    (suites [ case "opaque values of traits and slices" traits ]
    @ [
        ( "weights",
          [
            on_domain_0 "heavy values are collected" create;
            on_domain_0 "a value that OCaml gives back keeps its weight" (fun () ->
                Rust.page_same (create ()));
          ] );
        ("at the end", [ nothing_left () ]);
      ])
