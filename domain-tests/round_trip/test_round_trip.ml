(* Values of every type of doc/types.md go to Rust and come back equal, and those that a Rust type does not have are
   refused. The module [Echoes] is generated from what the archive says of the functions. *)

open Lwt.Syntax
open Arbitrary

(* A sanitizer makes large values slow. *)
let count = if Expect.under_sanitizer then 5 else 40

let returns (Test (name, a, echo)) =
  let back v =
    let+ w = echo v in
    a.equal v w || QCheck2.Test.fail_reportf "%s came back" (a.print w)
  in
  QCheck2.Test.make ~name ~count ~print:a.print (a.generate levels) (fun v ->
      Lwt_main.run (back v))

let refuses (Test (name, a, echo)) =
  let refuses v =
    let what = Printf.sprintf "%s of %s" name (a.print v) in
    let+ e = Expect.rejected what (Lwt.apply echo v) in
    match e with
    | Invalid_argument text ->
        Expect.contains what ~part:(name ^ ": argument 1 (value)") text
    | e -> raise e
  in
  Lwt_main.run (Lwt_list.iter_s refuses a.refused)

(* ---- types whose two sides differ *)

let exceptions () =
  let e = Failure "the same" in
  let* back = Rust.echo_exception (Lwt.fail e) in
  Expect.that "the same exception" (match back with Some e' -> e' == e | None -> false);
  let+ back = Rust.echo_exception Lwt.return_unit in
  Expect.that "none" (back = None)

let domains () =
  let handle = Lwt_interop.Handle.current () in
  Expect.that "its number"
    (Rust.echo_domain handle = Int64.of_int (Lwt_interop.Handle.id handle));
  Lwt.return_unit

let nothing_else () =
  let tested = [ "echo_channel"; "echo_domain"; "echo_exception"; "echo_token" ] in
  Alcotest.(check (list string)) "tested by hand" tested Echoes.others

(* ---- *)

let at_once f =
  let other = Domain.spawn f in
  Fun.protect f ~finally:(fun () -> Domain.join other)

let () =
  let seed =
    match Sys.getenv_opt "QCHECK_SEED" with
    | Some seed -> int_of_string seed
    | None -> Random.State.(bits (make_self_init ()))
  in
  let case (Test (name, _, _) as test) =
    (* The seed is part of the test's name, which is shown when the test fails. *)
    Everywhere.plain (Printf.sprintf "%s (QCHECK_SEED=%d)" name seed) (fun () ->
        at_once (fun () ->
            let id = (Domain.self () :> int) in
            QCheck2.Test.check_exn (returns test) ~rand:(Random.State.make [| seed; id |]);
            refuses test))
  in
  Alcotest.run "round_trip" ~and_exit:false
    ([
       ("on two domains at once", List.map case Echoes.tests);
       ("functions without a generated test", [ Everywhere.plain "names" nothing_else ]);
     ]
    @ Everywhere.(suites [ case "exceptions" exceptions; case "domains" domains ])
    @ [ ("at the end", [ Everywhere.nothing_left () ]) ])
