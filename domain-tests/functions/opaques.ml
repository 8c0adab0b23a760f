open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

(* Any domain's loop may be the one that drops what is collected. *)
let all_dropped tag =
  Expect.eventually (fun () ->
      Gc.full_major ();
      Rust.futures_alive tag = 0)

(* In a loop, where there is a token. *)
let check_dropped what tag n =
  let places = Rust.things_dropped tag in
  Expect.int (what ^ ": each once") n (Array.length places);
  Expect.that (what ^ ": in loops") (Array.for_all (fun id -> id >= 0) places)

let every_call () =
  let tag = tag () in
  let check () =
    let thing = Rust.thing_create tag in
    Expect.int "at once" tag (Rust.thing_tag thing);
    let* found = Rust.thing_tag_later thing in
    Expect.int "in a task" tag found;
    let* through = Rust.thing_through_tokio thing in
    Expect.int "through tokio" tag (Rust.thing_tag through);
    let* tags = Rust.thing_tags [| thing; through |] (Some thing) in
    Expect.that "several" (tags = [| tag; tag; tag |]);
    let* tags = Rust.thing_tags [||] None in
    Expect.that "none" (tags = [||]);
    Expect.int "from a function" tag (Rust.thing_of (fun () -> thing));
    Expect.int "one value" 1 (Rust.futures_alive tag);
    Lwt.return_unit
  in
  let* () = check () in
  let* () = all_dropped tag in
  check_dropped "it" tag 1;
  Lwt.return_unit

let several_domains () =
  let tag = tag () in
  let* () =
    with_other (fun { handle; _ } ->
        let mine = Rust.thing_create tag in
        let* theirs =
          Handle.spawn handle (fun () ->
              let* found = Rust.thing_tag_later mine in
              Expect.int "there" tag found;
              Lwt.return (Rust.thing_create tag))
        in
        Expect.int "here" tag (Rust.thing_tag theirs);
        Lwt.return_unit)
  in
  let* () = all_dropped tag in
  check_dropped "both" tag 2;
  Lwt.return_unit

let collected n () =
  let tag = tag () in
  let* () =
    Lwt_list.iter_s
      (fun _ ->
        (* Some of them die young. *)
        let things = List.init 10 (fun _ -> Rust.thing_create tag) in
        let* found = Rust.thing_tag_later (List.hd things) in
        Expect.int "in between" tag found;
        Lwt.return_unit)
      (List.init n Fun.id)
  in
  let* () = all_dropped tag in
  check_dropped "all" tag (10 * n);
  Lwt.return_unit

let shared_with_rust () =
  let tag = tag () in
  Rust.thing_share (Rust.thing_create tag);
  Gc.full_major ();
  (* OCaml's share is dropped before that of another. *)
  let other = Everywhere.tag () in
  ignore (Sys.opaque_identity (Rust.thing_create other) : Rust.thing);
  let* () = all_dropped other in
  Expect.int "Rust has it" 1 (Rust.futures_alive tag);
  let back () = Option.map Rust.thing_tag (Rust.thing_take_share tag) in
  Expect.that "the same" (back () = Some tag);
  let* () = all_dropped tag in
  check_dropped "it" tag 1;
  Lwt.return_unit

let make n f =
  for _ = 1 to n do
    ignore (Sys.opaque_identity (f ()) : Rust.thing)
  done

let bombs n () =
  let tag = tag () in
  make n (fun () -> Rust.thing_bomb tag);
  make n (fun () -> Rust.thing_create tag);
  let* () = all_dropped tag in
  check_dropped "all" tag (2 * n);
  let* text = Rust.yield_n 2 "still here" in
  Expect.string "the domain goes on" "still here" text;
  Lwt.return_unit

(* It would not get far within a collection. *)
let using_ocaml () =
  let tag = tag () and called = Atomic.make 0 in
  let f () =
    make 5 (fun () -> Rust.thing_create tag);
    Gc.full_major ();
    Atomic.incr called
  in
  make 5 (fun () -> Rust.thing_calling tag f);
  let* () = all_dropped tag in
  Expect.int "they were called" 5 (Atomic.get called);
  check_dropped "those that they made too" tag 30;
  Lwt.return_unit

let spawning () =
  let tag = tag () in
  make 5 (fun () -> Rust.thing_spawning tag);
  let* () = all_dropped tag in
  check_dropped "all" tag 5;
  Lwt.return_unit

let panicked what ~part e =
  match e with
  | Lwt_interop.Rust_panic p -> Expect.contains what ~part p.message
  | e -> Expect.failf "%s: %s" what (Printexc.to_string e)

let wrong_thing ?(part = "is none") what value =
  let part = "Opaque<domain_tests::opaques::Thing> " ^ part in
  let check what e = panicked what ~part e in
  check what (Expect.raised what (fun () -> Rust.Wrong.thing_tag value));
  let* e = Expect.rejected what (Rust.Wrong.thing_tag_later value) in
  check (what ^ ", in a task") e;
  let* e = Expect.rejected what (Rust.Wrong.thing_through_tokio value) in
  check (what ^ ", on tokio") e;
  let result () = Rust.Wrong.thing_of (fun () -> value) in
  check (what ^ ", a function's") (Expect.raised what result);
  Lwt.return_unit

let wrong_handle what value =
  let check what e = panicked what ~part:"was to be a Lwt_interop.Handle.t is none" e in
  check what (Expect.raised what (fun () -> Rust.Wrong.handle_seen value));
  let* e = Expect.rejected what (Rust.Wrong.handle_seen_on_tokio value) in
  check (what ^ ", on tokio") e;
  Lwt.return_unit

(* Blocks of every kind, and what is none. *)
let wrong_types () =
  let tag = tag () in
  let bigarray = Bigarray.Array1.create Bigarray.char Bigarray.c_layout 8 in
  let thing = Rust.thing_create tag in
  let* () = wrong_thing "an int" 42 in
  let* () = wrong_thing "unit" () in
  let* () = wrong_thing "a string" "text" in
  let* () = wrong_thing "a float" 1.5 in
  let* () = wrong_thing "floats" [| 1.5; 2.5 |] in
  let* () = wrong_thing "a closure" (fun n -> n + tag) in
  let* () = wrong_thing "an empty array" [||] in
  let* () = wrong_thing "a lazy value" (lazy (Sys.opaque_identity tag)) in
  let* () = wrong_thing "an int64" 7L in
  let* () = wrong_thing "a bigarray" bigarray in
  let* () = wrong_thing "a mutex" (Mutex.create ()) in
  let* () = wrong_thing "a handle" (Handle.current ()) in
  let* () = wrong_thing "its option" (Some thing) in
  let* () =
    wrong_thing "another thing" ~part:"is an Opaque<alloc::string::String>"
      (Rust.other_thing ())
  in
  let* () = wrong_handle "an int" (Domain.self () :> int) in
  let* () = wrong_handle "a string" "text, and more than two words of it" in
  let* () = wrong_handle "floats" [| 1.5; 2.5; 3.5 |] in
  let* () = wrong_handle "a closure" (fun n -> n + tag) in
  let* () = wrong_handle "a short block" (ref tag) in
  let* () = wrong_handle "ints" (1, 2, 3) in
  let* () = wrong_handle "another handle" (1, thing, 3) in
  let* () = wrong_handle "an int64" (1, 7L, 3) in
  let* () = wrong_handle "a string within" (1, "text", 3) in
  let* () = wrong_handle "a thing" thing in
  Expect.int "the right one" tag (Rust.thing_tag thing);
  let me = (Domain.self () :> int) in
  Expect.that "the right handle" (Rust.handle_seen (Handle.current ()) = (me, true));
  let* seen = Rust.handle_seen_on_tokio (Handle.current ()) in
  Expect.that "the right handle, on tokio" (seen = (me, true));
  Lwt.return_unit

let operations () =
  let tag = tag () in
  let a = Rust.thing_create tag and b = Rust.thing_create tag in
  let refused what f =
    match Expect.raised what f with Invalid_argument _ -> () | e -> raise e
  in
  refused "compare" (fun () -> compare a b);
  refused "equal" (fun () -> a = b);
  refused "equal to itself" (fun () -> a = a);
  refused "marshal" (fun () -> Marshal.to_string a []);
  Expect.int "hash" (Hashtbl.hash a) (Hashtbl.hash b);
  Lwt.return_unit

(* They are work like any other. *)
let turns () =
  let tag = tag () and n = 200 in
  make n (fun () -> Rust.thing_slow tag 500);
  Gc.full_major ();
  let rec go turns =
    match Array.length (Rust.things_dropped tag) with
    | dropped when dropped = n -> Lwt.return turns
    | _ ->
        let* () = Lwt.pause () in
        go (turns + 1)
  in
  let* turns = go 0 in
  (* Eight or so of them are a turn. *)
  Expect.that "the loop had its turns" (turns >= n / 32);
  Lwt.return_unit

let cases ~scale =
  [
    case "Rust values in every kind of call" every_call;
    case "Rust values that domains share" several_domains;
    case "collected Rust values" (collected (scaled ~scale 200));
    case "Rust values that Rust keeps as well" shared_with_rust;
    case "collected Rust values' destructors panic" (bombs (scaled ~scale 100));
    case "collected Rust values' destructors use OCaml" using_ocaml;
    case "collected Rust values' destructors spawn tasks" spawning;
    case "what is no such Rust value, or no handle" wrong_types;
    case "Rust values are neither compared nor marshalled" operations;
    alone "collected Rust values, and the loop's turns" turns;
  ]
