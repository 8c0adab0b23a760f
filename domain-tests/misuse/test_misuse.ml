open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

let self () = (Domain.self () :> int)

let names_domain text =
  Expect.contains "names the domain" ~part:(Printf.sprintf "domain %d" (self ())) text

let tokens () =
  let* tokio, pool, thread = Rust.misuse () in
  let refused where text =
    Expect.contains where ~part:"cannot be used on thread" text;
    Expect.contains (where ^ " says what to do") ~part:"Domain::call or Domain::spawn"
      text
  in
  refused "a tokio worker" tokio;
  Expect.contains "it is named" ~part:"tokio" tokio;
  refused "tokio's blocking pool" pool;
  refused "a thread" thread;
  let* text = Rust.spawn_local_elsewhere () in
  refused "spawn_local" text;
  Lwt.return_unit

let refusal what f =
  match Expect.raised what f with
  | Lwt_interop.Wrong_thread text ->
      names_domain text;
      Expect.contains "says what to do" ~part:"Lwt_preemptive.run_in_main" text
  | e -> raise e

let each_refused () =
  refusal "pending" (fun () -> Rust.yield_n 1 "");
  refusal "ready" (fun () -> Rust.ready_add 1 2);
  refusal "synchronous" (fun () -> Rust.length "");
  refusal "tokio" (fun () -> Rust.on_tokio "");
  refusal "blocking" (fun () -> Rust.sum_blocking [||]);
  refusal "Handle.current" Handle.current

let systhreads () =
  (* The domain's executor belongs to the thread that had it first. *)
  ignore (Handle.current () : Handle.t);
  let outcome = Atomic.make (Ok ()) in
  Thread.join
    (Thread.create
       (fun () -> try each_refused () with e -> Atomic.set outcome (Error e))
       ());
  Result.iter_error raise (Atomic.get outcome);
  let* () = Lwt_preemptive.detach each_refused () in
  let* text =
    Lwt_preemptive.detach
      (fun () ->
        Lwt_preemptive.run_in_main (fun () -> Rust.yield_n 2 "by way of the loop"))
      ()
  in
  Expect.string "run_in_main" "by way of the loop" text;
  let* text = Rust.yield_n 2 "still here" in
  Expect.string "the domain" "still here" text;
  Lwt.return_unit

let nested_loop () =
  let nested _ = Lwt.return (Lwt_main.run (Rust.ready_add 1 2)) in
  let* e = Expect.rejected "in a callback" (Rust.call_async nested 1) in
  (match e with
  | Failure text -> Expect.contains "Lwt's own" ~part:"Nested" text
  | e -> raise e);
  let* text = Rust.yield_n 2 "still here" in
  Expect.string "the domain" "still here" text;
  Lwt.return_unit

(* Registered first, so it is called last. *)
let after_the_end () =
  let told = Atomic.make [] in
  let attempt f =
    match f () with _ -> () | exception e -> Atomic.set told (e :: Atomic.get told)
  in
  let id = Atomic.make (-1) in
  Domain.join
    (Domain.spawn (fun () ->
         Domain.at_exit (fun () ->
             attempt (fun () -> ignore (Rust.yield_n 1 "" : string Lwt.t));
             attempt (fun () -> ignore (Rust.ready_add 1 1 : int Lwt.t));
             attempt (fun () -> ignore (Rust.length "" : int));
             attempt (fun () -> ignore (Rust.on_tokio "" : _ Lwt.t));
             attempt (fun () -> ignore (Handle.current () : Handle.t));
             attempt (fun () -> ignore (Lwt_interop.Blocking.run ignore : unit Lwt.t)));
         Atomic.set id (self ());
         Lwt_main.run (Lwt.map ignore (Rust.yield_n 2 ""))));
  Expect.int "each was refused" 6 (List.length (Atomic.get told));
  List.iter
    (fun e ->
      Expect.that "and told why" (e = Lwt_interop.Domain_terminated (Atomic.get id)))
    (Atomic.get told)

(* Registered last, so it is called first: everything still works. *)
let before_the_end () =
  let told = Atomic.make "" in
  Domain.join
    (Domain.spawn (fun () ->
         Lwt_main.run (Lwt.map ignore (Rust.yield_n 2 ""));
         Domain.at_exit (fun () ->
             Atomic.set told (Lwt_main.run (Rust.yield_n 3 "at exit")))));
  Expect.string "at exit" "at exit" (Atomic.get told)

(* Messages, wake-ups and completions that come while no loop runs. *)
let between_loops () =
  let home = Handle.current () in
  let answers = Atomic.make 0 in
  let kept = tag () in
  let pending = Rust.promise_kept kept in
  let in_flight = List.init 100 (fun i -> Rust.on_tokio (string_of_int i)) in
  Lwt_main.run (Lwt.map ignore (Rust.yield_n 2 ""));
  Domain.join
    (Domain.spawn (fun () ->
         for _ = 1 to 100 do
           ignore (Handle.post home (fun () -> Atomic.incr answers) : bool)
         done;
         (* Its answer needs this domain's loop. *)
         Lwt_main.run (Lwt.map ignore (Rust.resolve_kept kept "between" true))));
  Expect.int "nothing runs" 0 (Atomic.get answers);
  Expect.that "nothing is settled" (Lwt.is_sleeping pending);
  let text = Lwt_main.run pending in
  Expect.string "resolved between" "between" text;
  List.iteri
    (fun i p -> Expect.string "from tokio" (string_of_int i) (fst (Lwt_main.run p)))
    in_flight;
  Expect.int "all were run" 100 (Atomic.get answers);
  (* A loop that only waits for a message: nothing else wakes it. *)
  let p, u = Lwt.wait () in
  let other =
    Domain.spawn (fun () -> Handle.post home (fun () -> Lwt.wakeup_later u ()))
  in
  Lwt_main.run p;
  Expect.that "posted" (Domain.join other)

let many_loops () =
  for i = 1 to 2000 do
    Expect.int "one loop for each call" i
      (Lwt_main.run (Lwt.map (fun _ -> i) (Rust.yield_n 1 "")))
  done;
  for i = 1 to 200 do
    (match
       Lwt_main.run (Lwt.bind (Rust.yield_n 1 "") (fun _ -> failwith "on purpose"))
     with
    | () -> Expect.failf "it did not fail"
    | exception Failure _ -> ());
    ignore (fst (Lwt_main.run (Rust.on_tokio (string_of_int i))) : string)
  done

let twice where =
  ( where,
    [ plain "messages between two loops" between_loops; plain "many loops" many_loops ] )

let on_a_domain (name, tests) =
  ( "a domain: " ^ name,
    List.map
      (fun (name, speed, f) -> (name, speed, fun () -> Domain.join (Domain.spawn f)))
      tests )

let () =
  Alcotest.run "misuse"
    (suites
       [
         case "no token elsewhere" tokens;
         case "systhreads" systhreads;
         case "a loop in a loop" nested_loop;
       ]
    @ [
        twice "loops";
        on_a_domain (twice "loops");
        ( "ends",
          [
            plain "after the domain's end" after_the_end;
            plain "before the domain's end" before_the_end;
          ] );
        ("at the end", [ settled () ]);
      ])
