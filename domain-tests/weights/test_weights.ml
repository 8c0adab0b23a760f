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

(* ---- code that raises, and that OCaml runs at a collection *)

exception Alarm

let armed_on = Atomic.make (-1)
let raised = Atomic.make 0
let within_rust = Atomic.make 0

(* What a function of Rust's calls may be interrupted, and not the function itself. *)
let in_callback = Atomic.make false

let interrupt () =
  let this = (Domain.self () :> int) in
  if Atomic.compare_and_set armed_on this (-1) then (
    if Rust.pages_in_progress () > 0 && not (Atomic.get in_callback) then
      Atomic.incr within_rust;
    Atomic.incr raised;
    raise Alarm)

let by_signals f =
  Sys.set_signal Sys.sigalrm (Signal_handle (fun _ -> interrupt ()));
  let set seconds =
    ignore
      (Unix.setitimer ITIMER_REAL { it_interval = seconds; it_value = seconds }
        : Unix.interval_timer_status)
  in
  set 2e-4;
  Fun.protect (f ignore) ~finally:(fun () ->
      set 0.;
      (* A last signal may be on its way. *)
      Sys.set_signal Sys.sigalrm Signal_ignore)

let by_finalisers f = f (fun () -> Gc.finalise_last interrupt (ref 0)) ()

let by_gc_alarms f =
  let alarm = Gc.create_alarm interrupt in
  Fun.protect (f ignore) ~finally:(fun () -> Gc.delete_alarm alarm)

(* Of the memory outside of OCaml's heap, too. *)
let by_memprof f =
  let sampled (_ : Gc.Memprof.allocation) =
    interrupt ();
    None
  in
  let tracker =
    { Gc.Memprof.null_tracker with alloc_minor = sampled; alloc_major = sampled }
  in
  let profile = Gc.Memprof.start ~sampling_rate:1e-4 ~callstack_size:0 tracker in
  Fun.protect (f ignore) ~finally:(fun () ->
      Gc.Memprof.stop ();
      Gc.Memprof.discard profile)

let each_time = 20

let make_them =
  let is_whole all = Expect.int "values" each_time (Array.length all) in
  let bytes = kilobytes * 1024 in
  let in_callback page =
    Atomic.set in_callback true;
    (* Polls, as all OCaml code may. *)
    ignore (Sys.opaque_identity (List.init 10 (fun _ -> page)));
    Atomic.set in_callback false
  in
  [
    (fun () -> is_whole (Rust.pages_create each_time bytes));
    (fun () -> is_whole (Rust.pages_of_bytes each_time bytes));
    (fun () -> Rust.pages_pass in_callback each_time bytes);
  ]

let interrupted by () =
  let before = Atomic.get raised in
  let steps prepare () =
    for _ = 1 to 200 do
      List.iter
        (fun make ->
          (try
             prepare ();
             Atomic.set armed_on (Domain.self () :> int);
             make ();
             Atomic.set armed_on (-1)
           with Alarm -> ());
          Atomic.set armed_on (-1);
          Atomic.set in_callback false;
          Expect.int "calls that have not ended" 0 (Rust.pages_in_progress ()))
        make_them
    done
  in
  by steps;
  Expect.int "exceptions within Rust's frames" 0 (Atomic.get within_rust);
  Expect.that "exceptions arrived" (Atomic.get raised > before);
  Expect.eventually_blocking (fun () ->
      Gc.full_major ();
      (* Drops what the collector has found. *)
      Lwt_main.run (Lwt.pause ());
      Rust.pages_alive () = 0)

let interruptions =
  List.concat_map
    (fun (what, by) ->
      [
        plain (what ^ ", on Domain 0") (interrupted by);
        plain (what ^ ", on a domain") (fun () ->
            Domain.join (Domain.spawn (interrupted by)));
      ])
    [
      ("heavy values are made while signal handlers raise", by_signals);
      ("heavy values are made while finalisers raise", by_finalisers);
      ("heavy values are made while Gc alarms raise", by_gc_alarms);
      ("heavy values are made while Memprof callbacks raise", by_memprof);
    ]

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
        ("interruptions", interruptions);
        ("at the end", [ nothing_left () ]);
      ])
