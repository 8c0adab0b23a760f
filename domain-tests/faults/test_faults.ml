(* If the operating system refuses a resource, the error says so, and a later attempt works. *)

open Lwt.Syntax
open Everywhere
module Blocking = Lwt_interop.Blocking
module Pool = Lwt_interop.Pool

external threads_left : int -> unit = "faults_threads_left" [@@noalloc]
external descriptors_left : int -> unit = "faults_descriptors_left" [@@noalloc]

let any = -1
let attempt f = try Ok (f ()) with e -> Error e

(* [f ()] while only [n] of the limited resource are available. *)
let with_only limit n f =
  limit n;
  Fun.protect f ~finally:(fun () -> limit any)

let fails what ~parts = function
  | Error (Failure text) -> List.iter (fun part -> Expect.contains what ~part text) parts
  | Error e -> raise e
  | Ok _ -> Expect.failf "%s: expected Failure, but it succeeded" what

let descriptors () = Array.length (Sys.readdir "/proc/self/fd")
let works () = Expect.int "a call" 3 (Lwt_main.run (Rust.ready_add 1 2))
let yields () = Lwt_main.run (Lwt.map ignore (Rust.yield_n 2 ""))

let no_leak before =
  Expect.eventually_blocking (fun () -> Rust.known_domains () = [| 0 |]);
  Expect.int "descriptors" before (descriptors ())

(* The first test, because tokio must not have been started. *)
let tokio () =
  let before = descriptors () in
  let parts = [ "domain 0"; "executor" ] in
  let call () = ignore (Rust.ready_add 1 2 : int Lwt.t) in
  fails "a descriptor" ~parts (with_only descriptors_left 0 (fun () -> attempt call));
  fails "a thread" ~parts:("thread" :: parts)
    (with_only threads_left 0 (fun () -> attempt call));
  Expect.int "descriptors" before (descriptors ());
  (* Lwt works without Rust. *)
  with_only threads_left 0 (fun () -> Lwt_main.run (Lwt_unix.sleep 0.001));
  works ();
  yields ();
  let text, _ = Lwt_main.run (Rust.on_tokio "tokio") in
  Expect.string "tokio" "tokio" text

(* Calls [f] with 0, [step], 2 [step], ... of the limited resource until it succeeds. Returns the
   exceptions of the calls before. *)
let sweep ?(step = 1) limit f =
  let rec go n failures =
    if n > 100 then Expect.failf "no success with 100 of the limited resource";
    match with_only limit n (fun () -> attempt f) with
    | Ok () -> List.rev failures
    | Error e -> go (n + step) (e :: failures)
  in
  go 0 []

let names_the_cause = function
  | Unix.Unix_error (EMFILE, _, _) -> true
  | Failure text ->
      List.exists
        (fun part -> Expect.is_part text ~part)
        [ "Too many open files"; "executor"; "OCaml refuses another domain" ]
  | _ -> false

let all_name_the_cause what failures =
  Expect.that (what ^ ": some attempts failed") (failures <> []);
  List.iter
    (fun e ->
      if not (names_the_cause e) then Expect.failf "%s: %s" what (Printexc.to_string e))
    failures

let domain_descriptors () =
  let before = descriptors () in
  let failures =
    sweep descriptors_left (fun () ->
        on_domain (fun () -> Lwt.map ignore (Rust.yield_n 2 "")))
  in
  all_name_the_cause "a domain" failures;
  Expect.that "some failed for lack of the executor's descriptor"
    (List.exists
       (function
         | Failure text -> Expect.is_part text ~part:"cannot have an executor"
         | _ -> false)
       failures);
  no_leak before

(* A domain's own tokio runtime has to watch what else the loop waits for, with a descriptor of its own. *)
let own_tokio_descriptors () =
  let sleep () =
    let* () = Rust.reactor_sleep 0.01 in
    Lwt_unix.sleep 0.01
  in
  let without_descriptors () =
    descriptors_left 0;
    let slept = Rust.reactor_sleep 0.01 and limit = Lwt_unix.sleep 10. in
    let lift () =
      descriptors_left any;
      Lwt.return_unit
    in
    let* () = Lwt.finalize (fun () -> Lwt.pick [ slept; limit ]) lift in
    Expect.that "tokio's timers are served" (Lwt.state slept = Return ());
    sleep ()
  in
  let on_own_tokio f =
    on_domain (fun () ->
        (* The loop has what it needs itself. *)
        let* () = Lwt_unix.sleep 0.001 in
        Lwt_interop.own_tokio ();
        f ())
  in
  (* tokio keeps two descriptors for the signals of all its runtimes. *)
  on_own_tokio sleep;
  let before = descriptors () in
  on_own_tokio without_descriptors;
  (* A runtime that ends closes its own a little later. *)
  Expect.eventually_blocking (fun () -> descriptors () <= before)

let make_pool () =
  let pool = Pool.create ~domains:3 () in
  Lwt_main.run
    (Lwt.finalize
       (fun () ->
         let* n = Pool.spawn pool (fun () -> Lwt.return 1) in
         Expect.int "a function of the pool" 1 n;
         Lwt.return_unit)
       (fun () -> Pool.shutdown pool))

let pool_descriptors () =
  let before = descriptors () in
  all_name_the_cause "a pool" (sweep descriptors_left make_pool);
  no_leak before

(* A domain has two threads, hence the step: OCaml itself ends the process if it gets the first
   thread of a domain and not the second. *)
let pool_threads () =
  make_pool ();
  let before = descriptors () in
  all_name_the_cause "a pool" (sweep ~step:2 threads_left make_pool);
  no_leak before;
  with_only threads_left 0 (fun () ->
      fails "a pool" ~parts:[ "OCaml refuses another domain" ] (attempt make_pool));
  make_pool ()

(* Before the blocking pool of Domain 0 has started any thread. *)
let ocaml_blocking_pool () =
  with_only threads_left 0 (fun () ->
      fails "from OCaml"
        ~parts:[ "no thread could be started" ]
        (attempt (fun () -> Lwt_main.run (Blocking.run ignore)));
      match attempt (fun () -> Lwt_main.run (Rust.ocaml_blocking (fun () -> 1))) with
      | Error (Lwt_interop.Rust_error { message; _ }) ->
          Expect.contains "from Rust" ~part:"thread" message
      | Error e -> raise e
      | Ok _ -> Expect.failf "from Rust: expected an error, but it succeeded");
  Expect.int "queued functions" 0 (Lwt_interop.totals ()).blocking_pool_queue;
  Expect.int "from OCaml" 1 (Lwt_main.run (Blocking.run (fun () -> 1)));
  Expect.int "from Rust" 1 (Lwt_main.run (Rust.ocaml_blocking (fun () -> 1)));
  (* The existing threads run all functions if no further thread can be started. *)
  with_only threads_left 0 (fun () ->
      let jobs = List.init 20 (fun i -> Blocking.run (fun () -> i)) in
      Expect.that "all functions run" (Lwt_main.run (Lwt.all jobs) = List.init 20 Fun.id))

let tokio_blocking_pool () =
  (match attempt (fun () -> Lwt_main.run (with_only threads_left 0 Rust.run_on_pool)) with
  | Error (Lwt_interop.Rust_error { message; _ }) ->
      Expect.contains "the error" ~part:"blocking pool" message;
      Expect.contains "the error" ~part:"thread" message
  | Error e -> raise e
  | Ok () -> Expect.failf "expected an error, but it succeeded");
  Lwt_main.run (Rust.run_on_pool ());
  Expect.int "runs, without the one that failed" 1 (Rust.runs_on_pool ())

(* Starts as many domains as OCaml allows. *)
let domain_limit () =
  let before = descriptors () in
  let gate = Atomic.make false in
  let rec fill domains =
    match
      Domain.spawn (fun () ->
          Lwt_main.run (Expect.eventually (fun () -> Atomic.get gate)))
    with
    | domain -> fill (domain :: domains)
    | exception Failure _ -> domains
  in
  let domains = fill [] in
  fails "a pool"
    ~parts:[ "OCaml refuses another domain"; "OCAMLRUNPARAM=d=" ]
    (attempt (fun () -> Pool.create ~domains:1 ()));
  works ();
  yields ();
  Atomic.set gate true;
  List.iter Domain.join domains;
  make_pool ();
  no_leak before

let () =
  Alcotest.run "faults"
    [
      ( "faults",
        [
          Alcotest.test_case "tokio cannot start for lack of descriptors or threads"
            `Quick tokio;
          plain "Domain 0's blocking pool cannot start a thread" ocaml_blocking_pool;
          plain "tokio's blocking pool cannot start a thread" tokio_blocking_pool;
          plain "a domain's executor gets no descriptor" domain_descriptors;
          plain "a pool's domains get no descriptors" pool_descriptors;
          plain "a domain's own tokio runtime gets no descriptor" own_tokio_descriptors;
          plain "a pool's domains get no threads" pool_threads;
          plain "OCaml refuses another domain" domain_limit;
        ] );
      ("at the end", [ nothing_left () ]);
    ]
