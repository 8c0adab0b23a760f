open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

exception Own of int ref

(* Until the function has been dropped, wherever that is. *)
let with_remote f body =
  let tag = tag () in
  Rust.remote_keep tag f;
  let* () = body tag in
  let* () = Rust.remote_drop tag 0 in
  Expect.eventually (fun () -> Rust.futures_alive tag = 0)

let values n () =
  let home = (Domain.self () :> int) in
  let f i =
    Expect.int "where it runs" home (Domain.self () :> int);
    let* () = if i mod 2 = 0 then Lwt.return_unit else Lwt.pause () in
    Lwt.return (i + 1)
  in
  with_remote f @@ fun tag ->
  let call i = Expect.answer "from tokio" (i + 1) (Rust.remote_call tag i 0) in
  let* () = Lwt_list.iter_p call (List.init n Fun.id) in
  let* here = Rust.remote_call_here tag 7 in
  Expect.int "from here" 8 here;
  with_other (fun { handle; _ } ->
      let* there = Handle.spawn handle (fun () -> Rust.remote_call_here tag 8) in
      Expect.int "from there" 9 there;
      Lwt.return_unit)

(* No Rust frame is below it. *)
let effects () =
  let f i = Style.answering 10 (fun () -> Lwt.return (i + Effect.perform Style.Ask)) in
  with_remote f @@ fun tag -> Expect.answer "with effects" 11 (Rust.remote_call tag 1 0)

let exceptions () =
  let mine = Own (ref 1) in
  let f = function
    | 0 -> raise mine
    | 1 -> Lwt.fail mine
    | _ ->
        let* () = Lwt.pause () in
        raise mine
  in
  with_remote f @@ fun tag ->
  let each i =
    let* () = Expect.told "on tokio" ~part:"exception " (Rust.remote_call tag i 0) in
    let* e = Expect.rejected "here" (Rust.remote_call_here tag i) in
    Expect.that "the very exception" (e == mine);
    with_other (fun { handle; _ } ->
        let there = Handle.spawn handle (fun () -> Rust.remote_call_here tag i) in
        let* e = Expect.rejected "there" there in
        Expect.that "the very exception, there" (e == mine);
        Lwt.return_unit)
  in
  Lwt_list.iter_s each [ 0; 1; 2 ]

let panics () =
  let called = ref 0 in
  let f i =
    incr called;
    Lwt.return (i - 5)
  in
  with_remote f @@ fun tag ->
  let* () =
    Expect.told "converting" ~part:"in an argument's conversion"
      (Rust.remote_call tag 7 1)
  in
  let* () =
    Expect.told "dropping" ~part:"in an argument's destructor" (Rust.remote_call tag 7 2)
  in
  Expect.int "it was not called" 0 !called;
  let* () =
    Expect.told "the result" ~part:"in a result's conversion" (Rust.remote_call tag 1 0)
  in
  Expect.answer "and goes on" 2 (Rust.remote_call tag 7 0)

(* A function that is pending, and when it has begun. *)
let pending () =
  let begun, begins = Lwt.wait () and p, u = Lwt.task () in
  let f _ =
    Lwt.wakeup_later begins ();
    p
  in
  (f, begun, p, u)

let cancelled () =
  let f, begun, p, _ = pending () in
  let* () =
    with_remote f @@ fun tag ->
    let* () = Rust.remote_call_until tag 1 begun true in
    Expect.eventually (fun () -> Lwt.state p = Lwt.Fail Lwt.Canceled)
  in
  (* A handle that was not told to cancel. *)
  let f, begun, p, u = pending () in
  with_remote f @@ fun tag ->
  let* () = Rust.remote_call_until tag 1 begun false in
  let* (_ : string) = Rust.yield_n 5 "" in
  Expect.that "it goes on" (Lwt.is_sleeping p);
  Lwt.wakeup u 1;
  Lwt.return_unit

(* Messages keep their order: the last one's answer comes after all that happens. *)
let cancelled_early () =
  let called = ref [] in
  let f i =
    called := i :: !called;
    Lwt.return i
  in
  with_remote f @@ fun tag ->
  Rust.remote_call_dropped tag 1 false;
  Rust.remote_call_dropped tag 2 true;
  Rust.remote_call_dropped tag 3 false;
  let* n = Rust.remote_call_here tag 4 in
  Expect.int "the last" 4 n;
  Expect.that "those that nobody cancelled" (!called = [ 4; 2 ]);
  Lwt.return_unit

let dropped_anywhere () =
  let dropped where =
    let tag = tag () and weak = Weak.create 1 in
    let keep () =
      let value = Bytes.make 100 'x' in
      Weak.set weak 0 (Some value);
      Rust.remote_keep tag (fun i -> Lwt.return (i + Bytes.length value))
    in
    keep ();
    let* () = Expect.answer "before" 101 (Rust.remote_call tag 1 0) in
    let* () = Rust.remote_drop tag where in
    Expect.eventually (fun () ->
        Gc.full_major ();
        not (Weak.check weak 0))
  in
  Lwt_list.iter_s dropped [ 0; 1; 2 ]

let ended () =
  let ended_with where =
    let tag = tag () and other = other () in
    let begun = Atomic.make false in
    let f _ =
      Atomic.set begun true;
      fst (Lwt.task ())
    in
    let* () =
      Handle.spawn other.handle (fun () ->
          Rust.remote_keep tag f;
          Lwt.return_unit)
    in
    let call = Rust.remote_call tag 7 0 in
    let* () = Expect.eventually (fun () -> Atomic.get begun) in
    (* These are in the queue of a domain that is out of its loop. *)
    other.leave ();
    let queued = Rust.remote_call_here tag 8 in
    Rust.remote_call_dropped tag 9 false;
    other.end_ ();
    other.join ();
    let part = Printf.sprintf "domain %d terminated" other.id in
    let* () = Expect.told "under way" ~part call in
    let* e = Expect.rejected "in the queue" queued in
    Expect.that "in the queue" (e = Lwt_interop.Domain_terminated other.id);
    let part = Printf.sprintf "domain %d has terminated, 7 came back" other.id in
    let* () = Expect.told "after its end" ~part (Rust.remote_call tag 7 0) in
    let* () = Rust.remote_drop tag where in
    Expect.eventually (fun () -> Rust.futures_alive tag = 0)
  in
  Lwt_list.iter_s ended_with [ 0; 1; 2 ]

let cases ~scale =
  [
    case "functions that threads call" (values (scaled ~scale 1_000));
    case "functions that threads call perform effects" effects;
    case "functions that threads call raise" exceptions;
    case "panics around functions that threads call" panics;
    case "threads cancel functions that they called" cancelled;
    case "threads cancel before the function is called" cancelled_early;
    case "functions that threads call are dropped anywhere" dropped_anywhere;
    case "functions that threads call, and their domain's end" ended;
  ]
