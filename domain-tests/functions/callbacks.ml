open Lwt.Syntax
open Everywhere

exception Own of int ref

let values () =
  let f n s = Printf.sprintf "%d%s" n s in
  Expect.string "from a stub" "3x" (Rust.call_sync f 3);
  let* text = Rust.call_from_task f 4 in
  Expect.string "from a task" "4y" text;
  let seven a b c d e f g =
    Printf.sprintf "%d %g %s %b %d %d %d" a b c d e f (Array.fold_left ( + ) 0 g)
  in
  let* text = Rust.call_seven seven in
  Expect.string "seven arguments" "1 2.5 c true 5 6 15" text;
  Lwt.return_unit

(* The result of the call exists already when the destructor's function collects. *)
let in_a_destructor () =
  let collect () =
    Gc.minor ();
    ignore (Sys.opaque_identity (List.init 10_000 string_of_int) : string list)
  in
  let* n = Rust.call_at_end 7 collect in
  Expect.int "the result" 7 n;
  Lwt.return_unit

let raising () =
  let mine = Own (ref 1) in
  let f _ _ = raise mine in
  let e = Expect.raised "from a stub" (fun () -> Rust.call_sync f 3) in
  Expect.that "the same exception, from a stub" (e == mine);
  let* e = Expect.rejected "from a task" (Rust.call_from_task f 3) in
  Expect.that "the same exception, from a task" (e == mine);
  let* e =
    Expect.rejected "a constant exception"
      (Rust.call_from_task (fun _ _ -> raise Not_found) 3)
  in
  Expect.that "a constant exception" (e = Not_found);
  Lwt.return_unit

let nested () =
  (* OCaml and Rust alternate on one stack. *)
  let rec f n s = if n = 0 then s else Rust.call_sync f (n - 1) ^ s in
  Expect.string "ten levels" (String.make 11 'x') (Rust.call_sync f 10);
  let mine = Own (ref 2) in
  let rec g n s = if n = 0 then raise mine else Rust.call_sync g (n - 1) ^ s in
  let e = Expect.raised "ten levels" (fun () -> Rust.call_sync g 10) in
  Expect.that "the same exception, through ten levels" (e == mine);

  let started = ref [] in
  let h n s =
    started := Rust.yield_n n s :: !started;
    s
  in
  let* (_ : string) = Rust.call_from_task h 3 in
  let* texts = Lwt.all !started in
  Expect.that "a call from a callback" (texts = [ "y" ]);
  Lwt.return_unit

let async n () =
  let* sum = Rust.call_async (fun i -> Lwt.return (2 * i)) n in
  Expect.int "resolved promises" (n * (n - 1)) sum;
  let paused i =
    let* () = Lwt.pause () in
    Rust.ready_add i i
  in
  let* sum = Rust.call_async paused n in
  Expect.int "pending promises" (n * (n - 1)) sum;
  let* () = Rust.call_unit (fun () -> Lwt_unix.sleep 0.001) in
  let* total = Rust.call_all (fun _ s -> Rust.yield_n 2 s) n in
  let expected =
    List.fold_left (fun a i -> a + String.length (string_of_int i)) 0 (List.init n Fun.id)
  in
  Expect.int "all at once" expected total;
  Lwt.return_unit

let async_raising () =
  let mine = Own (ref 3) in
  let* e = Expect.rejected "raising" (Rust.call_async (fun _ -> raise mine) 1) in
  Expect.that "the same exception, raised" (e == mine);
  let* e = Expect.rejected "rejected" (Rust.call_async (fun _ -> Lwt.fail mine) 1) in
  Expect.that "the same exception, rejected" (e == mine);
  let later _ =
    let* () = Lwt.pause () in
    raise mine
  in
  let* e = Expect.rejected "rejected later" (Rust.call_async later 1) in
  Expect.that "the same exception, rejected later" (e == mine);
  Lwt.return_unit

(* The loop calls an asynchronous callback without a Rust frame below, so that an effect finds its
   handler. Below a synchronous callback there is one. *)
let effects () =
  let ask i = Style.answering 10 (fun () -> Lwt.return (i + Effect.perform Style.Ask)) in
  let* sum = Rust.call_async ask 3 in
  Expect.int "the sum of the answered effects" 33 sum;
  let e =
    Expect.raised "an effect across Rust" (fun () ->
        Rust.call_sync (fun _ _ -> Effect.perform (Obj.magic Style.Ask)) 1)
  in
  (match e with Effect.Unhandled _ -> () | e -> raise e);
  Lwt.return_unit

let dropped_wait () =
  let p, _ = Lwt.task () and q, u = Lwt.wait () in
  let called = ref false in
  let f () =
    called := true;
    p
  in
  let call = Rust.call_until f q in
  let* () = Lwt.pause () in
  Lwt.wakeup_later u ();
  let* n = call in
  Expect.int "the promise that was first" 2 n;
  Expect.that "the function was called" !called;
  let* () = Lwt.pause () in
  let* () = Lwt.pause () in
  Expect.that "the function's promise is cancelled" (Lwt.state p = Lwt.Fail Lwt.Canceled);
  Lwt.return_unit

let foreign_promises () =
  with_other (fun { handle; id; _ } ->
      let theirs : string Lwt.t option Atomic.t = Atomic.make None in
      let make () =
        Atomic.set theirs (Some (fst (Lwt.wait ())));
        Lwt.return_unit
      in
      let* () = Lwt_interop.Handle.spawn handle make in
      let p = Option.get (Atomic.get theirs) in
      let names_both what p =
        let* e = Expect.rejected what p in
        match e with
        | Invalid_argument text ->
            Expect.contains what ~part:(Printf.sprintf "domain %d" id) text;
            Expect.contains what
              ~part:(Printf.sprintf "domain %d" (Domain.self () :> int))
              text;
            Lwt.return_unit
        | e -> raise e
      in
      let* () = names_both "another domain's promise" (Rust.await_promise p) in
      let* () =
        names_both "a function that uses one"
          (Rust.call_async (fun _ -> Lwt.map String.length p) 1)
      in
      names_both "a function that returns one" (Rust.call_all (fun _ _ -> p) 3))

let cases ~scale =
  [
    case "callbacks: arguments and results" values;
    case "callbacks: called by a destructor" in_a_destructor;
    case "callbacks: exceptions come out unchanged" raising;
    case "callbacks: nested calls" nested;
    case "callbacks: functions that return promises" (async (scaled ~scale 1_000));
    case "callbacks: rejected promises keep their exception" async_raising;
    case "callbacks: asynchronous functions may perform effects" effects;
    case "callbacks: a dropped wait cancels the promise if asked to" dropped_wait;
    case "callbacks: another domain's promise is an error" foreign_promises;
  ]
