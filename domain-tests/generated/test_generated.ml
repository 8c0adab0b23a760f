(* Generated declarations: labels, optional arguments, the modules of [#[func] impl], abstract types of traits, and
   exceptions, which the generated module registers. *)

open Lwt.Syntax
open Everywhere
module Number = Rust.Shared_number

(* Wrong, in order to pass another value. *)
external get_of_string : string -> int = "shared_number_get" [@@ocaml_lwt.unchecked]

let labels () =
  Expect.string "labels" "hello youhello you"
    (Rust.generated_greeting ~how_often:2 ~name:"you");
  let later = Rust.generated_greeting_later in
  let* text = later "!" in
  Expect.string "no optional argument" "hello world!" text;
  let* text = later ~name:"you" "" in
  Expect.string "one" "hello you" text;
  let* text = later ~polite:true ?name:None "." in
  Expect.string "the other" "good day world." text;
  let+ text = later ~polite:true ~name:"you" "?" in
  Expect.string "both" "good day you?" text

let methods () =
  let number = Number.create 5 in
  Expect.int "a constructor" 5 (Number.get number);
  Expect.int "a constructor that may fail" (-7) (Number.get (Number.parse "-7"));
  let e = Expect.raised "an error" (fun () -> Number.parse "seven") in
  Expect.contains "an error" ~part:"invalid digit" (Printexc.to_string e);
  let* before = Number.add number () in
  Expect.int "an asynchronous method" 5 before;
  let* before = Number.add number ~by:4 () in
  Expect.int "an optional argument" 6 before;
  let* there = Number.far number in
  Expect.int "on tokio" 10 there;
  let* there = Number.slow number in
  Expect.int "on the blocking pool" 10 there;
  let here = Lwt_interop.Handle.(id (current ())) in
  Expect.that "with a token" (Number.domain number = (10, Int64.of_int here));
  let larger = Number.larger (Number.create 3) number in
  let* (_ : int) = Number.add larger () in
  Expect.int "the value itself returns" 11 (Number.get number);
  (match Expect.raised "another value" (fun () -> get_of_string "text") with
  | Invalid_argument text ->
      Expect.contains "another value" text
        ~part:"shared_number_get: argument 1 (self): expected an Opaque<"
  | e -> raise e);
  Lwt.return_unit

(* Each domain has the same number, and none of the additions is lost. *)
let shared () =
  let number = Number.create 0 in
  let times = 500 in
  let add _ = Lwt.map (ignore : int -> unit) (Number.add number ()) in
  let on_domain () = Lwt_list.iter_p add (List.init times Fun.id) in
  let* () =
    with_other (fun { handle; _ } ->
        Lwt.join [ Lwt_interop.Handle.spawn handle on_domain; on_domain () ])
  in
  Expect.int "additions" (2 * times) (Number.get number);
  Lwt.return_unit

(* Without [Callback.register] in this program. *)
let exceptions () =
  let number = Number.create 10 in
  let rejected amount = Expect.rejected "withdraw" (Number.withdraw number amount) in
  let* e = rejected 11 in
  Expect.that "arguments" (e = Rust.TooMuch (11, 10));
  let* e = rejected 0 in
  Expect.that "a constant, which is the same one" (e == Rust.Nothing_withdrawn);
  let* e = rejected (-3) in
  Expect.that "a record"
    (match e with Rust.Negative { amount } -> amount = -3 | _ -> false);
  let* left = Number.withdraw number 4 in
  Expect.int "no exception" 6 left;
  Lwt.return_unit

let traits () =
  let cat = Rust.Animal.cat () in
  let* noise = Rust.Animal.listen cat in
  Expect.string "a method" "meow" noise;
  let* noise = Rust.Animal.(listen (twice (twice (cat ())))) in
  Expect.string "of another type" "meow meow meow meow" noise;
  Lwt.return_unit

let () =
  Alcotest.run "generated"
    (suites
       [
         case "labels and optional arguments" labels;
         case "methods" methods;
         case "a value that domains share" shared;
         case "exceptions" exceptions;
         case "a trait" traits;
       ]
    @ [ ("at the end", [ nothing_left () ]) ])
