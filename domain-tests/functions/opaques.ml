open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

(* The loop of any domain may drop a collected value. *)
let all_dropped tag =
  Expect.eventually (fun () ->
      Gc.full_major ();
      Rust.futures_alive tag = 0)

(* Checks that [n] values were dropped, each once, and in a domain's loop, where there is a token. *)
let check_dropped what tag n =
  let places = Rust.things_dropped tag in
  Expect.int (what ^ ": each once") n (Array.length places);
  Expect.that (what ^ ": in loops") (Array.for_all (fun id -> id >= 0) places)

let every_call () =
  let tag = tag () in
  let check () =
    let thing = Rust.thing_create tag in
    Expect.int "in a synchronous function" tag (Rust.thing_tag thing);
    let* found = Rust.thing_tag_later thing in
    Expect.int "in a task" tag found;
    let* through = Rust.thing_through_tokio thing in
    Expect.int "through tokio" tag (Rust.thing_tag through);
    let* tags = Rust.thing_tags [| thing; through |] (Some thing) in
    Expect.that "in an array and an option" (tags = [| tag; tag; tag |]);
    let* tags = Rust.thing_tags [||] None in
    Expect.that "in an empty array" (tags = [||]);
    Expect.int "as a callback's result" tag (Rust.thing_of (fun () -> thing));
    Expect.int "values" 1 (Rust.futures_alive tag);
    Lwt.return_unit
  in
  let* () = check () in
  let* () = all_dropped tag in
  check_dropped "the value" tag 1;
  Lwt.return_unit

let several_domains () =
  let tag = tag () in
  let* () =
    with_other (fun { handle; _ } ->
        let mine = Rust.thing_create tag in
        let* theirs =
          Handle.spawn handle (fun () ->
              let* found = Rust.thing_tag_later mine in
              Expect.int "this domain's value, there" tag found;
              Lwt.return (Rust.thing_create tag))
        in
        Expect.int "the other domain's value, here" tag (Rust.thing_tag theirs);
        Lwt.return_unit)
  in
  let* () = all_dropped tag in
  check_dropped "both values" tag 2;
  Lwt.return_unit

let collected n () =
  let tag = tag () in
  let* () =
    Lwt_list.iter_s
      (fun _ ->
        (* A minor collection finds some of them. *)
        let things = List.init 10 (fun _ -> Rust.thing_create tag) in
        let* found = Rust.thing_tag_later (List.hd things) in
        Expect.int "the first of ten" tag found;
        Lwt.return_unit)
      (List.init n Fun.id)
  in
  let* () = all_dropped tag in
  check_dropped "all values" tag (10 * n);
  Lwt.return_unit

let shared_with_rust () =
  let tag = tag () in
  Rust.thing_share (Rust.thing_create tag);
  Gc.full_major ();
  (* When this value has been dropped, so has OCaml's reference to the shared one, which was collected
     earlier. *)
  let other = Everywhere.tag () in
  ignore (Sys.opaque_identity (Rust.thing_create other) : Rust.thing);
  let* () = all_dropped other in
  Expect.int "values that Rust still holds" 1 (Rust.futures_alive tag);
  let back () = Option.map Rust.thing_tag (Rust.thing_take_share tag) in
  Expect.that "the shared value comes back" (back () = Some tag);
  let* () = all_dropped tag in
  check_dropped "the value" tag 1;
  Lwt.return_unit

let make n f =
  for _ = 1 to n do
    ignore (Sys.opaque_identity (f ()) : Rust.thing)
  done

let panicking_destructors n () =
  let tag = tag () in
  make n (fun () -> Rust.thing_with_panicking_drop tag);
  make n (fun () -> Rust.thing_create tag);
  let* () = all_dropped tag in
  check_dropped "all values" tag (2 * n);
  let* text = Rust.yield_n 2 "still working" in
  Expect.string "the domain still works" "still working" text;
  Lwt.return_unit

(* These destructors allocate and collect, which is impossible within a collection. *)
let using_ocaml () =
  let tag = tag () and called = Atomic.make 0 in
  let f () =
    make 5 (fun () -> Rust.thing_create tag);
    Gc.full_major ();
    Atomic.incr called
  in
  make 5 (fun () -> Rust.thing_calling tag f);
  (* One that another domain drops sends the call to this one. *)
  let* () =
    Expect.eventually (fun () ->
        Gc.full_major ();
        Atomic.get called = 5)
  in
  let* () = all_dropped tag in
  Expect.int "callbacks of destructors" 5 (Atomic.get called);
  check_dropped "the values, and those made by their destructors" tag 30;
  Lwt.return_unit

let spawning () =
  let tag = tag () in
  make 5 (fun () -> Rust.thing_spawning tag);
  let* () = all_dropped tag in
  check_dropped "all values" tag 5;
  Lwt.return_unit

let refused what ~part e =
  match e with
  | Invalid_argument text -> Expect.contains what ~part text
  | e -> Expect.failf "%s: %s" what (Printexc.to_string e)

(* Declarations whose types are wrong on purpose. *)
module Wrong = struct
  external thing_tag : 'a -> int = "thing_tag" [@@ocaml_lwt.unchecked]
  external thing_tag_later : 'a -> int Lwt.t = "thing_tag_later" [@@ocaml_lwt.unchecked]

  external thing_through_tokio : 'a -> Rust.thing Lwt.t = "thing_through_tokio"
  [@@ocaml_lwt.unchecked]

  external thing_of : (unit -> 'a) -> int = "thing_of" [@@ocaml_lwt.unchecked]
  external handle_seen : 'a -> int * bool = "handle_seen" [@@ocaml_lwt.unchecked]

  external handle_seen_on_tokio : 'a -> (int * bool) Lwt.t = "handle_seen_on_tokio"
  [@@ocaml_lwt.unchecked]
end

let wrong_thing ?(part = "") what value =
  let part = "expected an Opaque<domain_tests::opaques::Thing>" ^ part in
  let check what e = refused what ~part e in
  check what (Expect.raised what (fun () -> Wrong.thing_tag value));
  let* e = Expect.rejected what (Wrong.thing_tag_later value) in
  check (what ^ ", in a task") e;
  let* e = Expect.rejected what (Wrong.thing_through_tokio value) in
  check (what ^ ", on tokio") e;
  let result () = Wrong.thing_of (fun () -> value) in
  check (what ^ ", as a callback's result") (Expect.raised what result);
  Lwt.return_unit

let wrong_handle what value =
  let check what e = refused what ~part:"expected Lwt_interop.Handle.t" e in
  check what (Expect.raised what (fun () -> Wrong.handle_seen value));
  let* e = Expect.rejected what (Wrong.handle_seen_on_tokio value) in
  check (what ^ ", on tokio") e;
  Lwt.return_unit

(* Immediate values, and blocks of every kind. *)
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
  let* () = wrong_thing "an option of a thing" (Some thing) in
  let* () =
    wrong_thing "a value of another Rust type"
      ~part:", found an Opaque<domain_tests::opaques::OtherThing>" (Rust.other_thing ())
  in
  let* () = wrong_handle "an int" (Domain.self () :> int) in
  let* () = wrong_handle "a string" "text, and more than two words of it" in
  let* () = wrong_handle "floats" [| 1.5; 2.5; 3.5 |] in
  let* () = wrong_handle "a closure" (fun n -> n + tag) in
  let* () = wrong_handle "a short block" (ref tag) in
  let* () = wrong_handle "ints" (1, 2, 3) in
  let* () = wrong_handle "a block with a thing" (1, thing, 3) in
  let* () = wrong_handle "a block with an int64" (1, 7L, 3) in
  let* () = wrong_handle "a block with a string" (1, "text", 3) in
  let* () = wrong_handle "a thing" thing in
  Expect.int "a value of the right type" tag (Rust.thing_tag thing);
  let me = (Domain.self () :> int) in
  Expect.that "a handle" (Rust.handle_seen (Handle.current ()) = (me, true));
  let* seen = Rust.handle_seen_on_tokio (Handle.current ()) in
  Expect.that "a handle, on tokio" (seen = (me, true));
  Lwt.return_unit

let operations () =
  let tag = tag () in
  let a = Rust.thing_create tag and b = Rust.thing_create tag in
  let invalid what f =
    match Expect.raised what f with Invalid_argument _ -> () | e -> raise e
  in
  invalid "compare" (fun () -> compare a b);
  invalid "equal" (fun () -> a = b);
  invalid "equal to itself" (fun () -> a = a);
  invalid "marshal" (fun () -> Marshal.to_string a []);
  Expect.int "hash" (Hashtbl.hash a) (Hashtbl.hash b);
  Lwt.return_unit

(* Dropping values counts towards the budget. *)
let iterations () =
  let tag = tag () and n = 200 in
  make n (fun () -> Rust.thing_slow tag 500);
  Gc.full_major ();
  let rec go iterations =
    match Array.length (Rust.things_dropped tag) with
    | dropped when dropped = n -> Lwt.return iterations
    | _ ->
        let* () = Lwt.pause () in
        go (iterations + 1)
  in
  let* iterations = go 0 in
  (* An iteration drops about eight. *)
  Expect.that "the loop had many iterations" (iterations >= n / 32);
  Lwt.return_unit

let cases ~scale =
  [
    case "opaque values: every kind of call takes and returns them" every_call;
    case "opaque values: domains share them" several_domains;
    case "opaque values: a collected one is dropped once" (collected (scaled ~scale 200));
    case "opaque values: one that Rust holds too is not dropped" shared_with_rust;
    case "opaque values: destructors may panic"
      (panicking_destructors (scaled ~scale 100));
    case "opaque values: destructors may use OCaml" using_ocaml;
    case "opaque values: destructors may spawn tasks" spawning;
    case "opaque values: a value of another type is an error" wrong_types;
    case "opaque values: they can be neither compared nor marshalled" operations;
    alone "opaque values: dropping many shares the loop" iterations;
  ]
