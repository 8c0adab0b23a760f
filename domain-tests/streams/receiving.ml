open Lwt.Syntax
open Everywhere
open Producer
module Stream = Lwt_interop.Stream

let received what expected p =
  let* found = p in
  Expect.that what (found = expected);
  Lwt.return_unit

let at_once what expected p = Expect.that what (Lwt.state p = Lwt.Return expected)

let buffered () =
  let producer, s = make () in
  let first = Stream.next s in
  pending "the first" first;
  deliver producer [ 1; 2; 3 ];
  at_once "the first" (Some 1) first;
  at_once "the second" (Some 2) (Stream.next s);
  at_once "the third" (Some 3) (Stream.next s);
  Expect.int "pulls" 1 (pulls producer);
  pending "the fourth" (Stream.next s);
  Expect.int "pulls" 2 (pulls producer);
  Expect.that "up to 64 elements each" (producer.sizes = [ 64; 64 ]);
  Stream.close s;
  Lwt.return_unit

let demand () =
  let producer, s = make () in
  Expect.int "nobody waits" 0 (pulls producer);
  let waiting = List.init 3 (fun _ -> Stream.next s) in
  Expect.int "one pull for all" 1 (pulls producer);
  deliver producer [ 1 ];
  Expect.int "one more, for the others" 2 (pulls producer);
  deliver producer [ 2; 3 ];
  Expect.int "nobody waits" 2 (pulls producer);
  let* found = Lwt.all waiting in
  Expect.that "in their order" (found = [ Some 1; Some 2; Some 3 ]);
  let exact, s = make ~is_exact:true () in
  let one = Stream.next s in
  deliver exact [ 1 ];
  let three = Stream.next_batch ~max:3 s in
  deliver exact [ 2; 3 ];
  at_once "one" (Some 1) one;
  at_once "two" [| 2; 3 |] three;
  Expect.that "as many as somebody waits for" (exact.sizes = [ 3; 1 ]);
  Lwt.return_unit

let order () =
  let producer, s = make () in
  let n = 1000 in
  let resolved = ref [] in
  let waiting =
    List.init n (fun i ->
        let p = Stream.next s in
        Lwt.on_success p (fun _ -> resolved := i :: !resolved);
        p)
  in
  let rec go k =
    if k < n then (
      let some = List.init (min (1 + (k mod 7)) (n - k)) (fun i -> k + i) in
      deliver producer some;
      go (k + List.length some))
  in
  go 0;
  let* found = Lwt.all waiting in
  Expect.that "in order" (found = List.init n Option.some);
  Expect.that "resolved in order" (List.rev !resolved = List.init n Fun.id);
  Lwt.return_unit

(* Waits for single elements and for batches have one queue. *)
let mixed () =
  let producer, s = make () in
  let a = Stream.next s in
  let b = Stream.next_batch ~max:2 s in
  let c = Stream.next s in
  let d = Stream.next_batch s in
  deliver producer [ 1; 2; 3; 4; 5; 6 ];
  at_once "a" (Some 1) a;
  at_once "b" [| 2; 3 |] b;
  at_once "c" (Some 4) c;
  at_once "d" [| 5; 6 |] d;
  Lwt.return_unit

let batches () =
  let producer, s = make () in
  let first = Stream.next_batch s in
  deliver producer [ 1; 2; 3; 4; 5 ];
  at_once "all" [| 1; 2; 3; 4; 5 |] first;
  let second = Stream.next_batch ~max:1 s in
  deliver producer [ 6; 7; 8 ] ~ending:Finished;
  at_once "the maximum" [| 6 |] second;
  at_once "the rest" [| 7; 8 |] (Stream.next_batch s);
  at_once "the end" [||] (Stream.next_batch s);
  (match Expect.raised "max" (fun () -> Stream.next_batch ~max:0 s) with
  | Invalid_argument text -> Expect.contains "max" ~part:"max is 0" text
  | e -> raise e);
  Lwt.return_unit

let floats () =
  let producer, s = make () in
  let waiting = List.init 2 (fun _ -> Stream.next s) in
  let two = Stream.next_batch ~max:2 s in
  deliver producer [ 0.5; 1.5; 2.5; 3.5; 4.5; 5.5 ];
  let* found = Lwt.all waiting in
  Expect.that "waiting" (found = [ Some 0.5; Some 1.5 ]);
  at_once "a batch" [| 2.5; 3.5 |] two;
  at_once "buffered" (Some 4.5) (Stream.next s);
  at_once "a batch" [| 5.5 |] (Stream.next_batch s);
  let* doubled = Stream.to_list (Stream.map (( *. ) 2.) (Stream.of_list [ 1.; 2. ])) in
  Expect.that "map" (doubled = [ 2.; 4. ]);
  Lwt.return_unit

let ends () =
  let producer, s = make () in
  let first = Stream.next s in
  deliver producer [ 1; 2 ] ~ending:Finished;
  Expect.int "closed" 1 producer.closed;
  at_once "the first" (Some 1) first;
  at_once "the second" (Some 2) (Stream.next s);
  for _ = 1 to 3 do
    at_once "the end" None (Stream.next s)
  done;
  Expect.int "no pull after the end" 1 (pulls producer);
  let producer, s = make () in
  let waiting = List.init 3 (fun _ -> Stream.next s) in
  deliver producer [ 1 ] ~ending:Finished;
  let* found = Lwt.all waiting in
  Expect.that "the end for the others" (found = [ Some 1; None; None ]);
  Lwt.return_unit

exception Broken of int ref

let failures () =
  let broken = Broken (ref 0) in
  let fails what p =
    let* e = Expect.rejected what p in
    Expect.that "the same exception" (e == broken);
    Lwt.return_unit
  in
  let producer, s = make () in
  let waiting = List.init 3 (fun _ -> Stream.next s) in
  deliver producer [ 1 ] ~ending:(Failed broken);
  let* () = received "the element comes first" (Some 1) (List.nth waiting 0) in
  let* () = fails "the second" (List.nth waiting 1) in
  let* () = fails "the third" (List.nth waiting 2) in
  let* () = fails "later" (Stream.next s) in
  let* () = fails "a batch" (Stream.next_batch s) in
  Expect.int "closed" 1 producer.closed;
  Stream.close s;
  Expect.int "closed once" 1 producer.closed;
  received "after close" None (Stream.next s)

let cancelled () =
  let producer, s = make () in
  let waiting = Array.init 5 (fun _ -> Stream.next s) in
  Lwt.cancel waiting.(0);
  Lwt.cancel waiting.(2);
  let* () = Expect.cancelled "the first" waiting.(0) in
  deliver producer [ 1; 2; 3; 4 ];
  at_once "the second" (Some 1) waiting.(1);
  at_once "the fourth" (Some 2) waiting.(3);
  at_once "the fifth" (Some 3) waiting.(4);
  Lwt.cancel waiting.(4);
  at_once "the next" (Some 4) (Stream.next s);
  let only = Stream.next s in
  Lwt.cancel only;
  Expect.that "the pull is still pending" (is_asked producer);
  deliver producer [ 5; 6 ];
  at_once "kept" (Some 5) (Stream.next s);
  Lwt.cancel (Stream.next_batch s);
  let batch = Stream.next_batch s in
  Lwt.cancel batch;
  let next = Stream.next s in
  deliver producer [ 7 ];
  at_once "the batch took nothing" (Some 7) next;
  Lwt.return_unit

(* The source learns when no call waits any more. *)
let abandoned () =
  let producer, s = make ~is_cancellable:true () in
  let a = Stream.next s and b = Stream.next s in
  Lwt.cancel a;
  Expect.that "one waits" (is_asked producer);
  Lwt.cancel b;
  Expect.that "nobody waits" (not (is_asked producer));
  let c = Stream.next s in
  deliver producer [ 1 ];
  at_once "asked again" (Some 1) c;
  Lwt.return_unit

let closing () =
  let producer, s = make () in
  let first = Stream.next s in
  deliver producer [ 1; 2; 3 ];
  at_once "the first" (Some 1) first;
  Stream.close s;
  at_once "the rest is dropped" None (Stream.next s);
  at_once "no batch" [||] (Stream.next_batch s);
  Expect.int "closed" 1 producer.closed;
  Stream.close s;
  Expect.int "closed once" 1 producer.closed;
  let producer, s = make () in
  let waiting = List.init 3 (fun _ -> Stream.next s) in
  Stream.close s;
  let* found = Lwt.all waiting in
  Expect.that "those who wait" (found = [ None; None; None ]);
  Expect.int "closed" 1 producer.closed;
  (* As Rust's pulls are, which are pending when the stream is closed. *)
  finish producer;
  at_once "closed" None (Stream.next s);
  let producer, s = make () in
  ignore (Stream.next s : int option Lwt.t);
  Stream.close s;
  deliver producer [ 1 ];
  at_once "too late" None (Stream.next s);
  Lwt.return_unit

let pick () =
  let n = 50 in
  let a, sa = make () and b, sb = make () in
  let feed producer =
    let rec go k =
      if k = n then Lwt.return_unit
      else
        let* () = Expect.eventually (fun () -> is_asked producer) in
        deliver producer [ k ];
        go (k + 1)
    in
    go 0
  in
  let rec drain from_a from_b =
    if List.length from_a + List.length from_b = 2 * n then
      Lwt.return (List.rev from_a, List.rev from_b)
    else
      let waiting_a = Stream.next sa in
      if not (Lwt.is_sleeping waiting_a) then
        let* x = waiting_a in
        drain (Option.get x :: from_a) from_b
      else
        let* from, x =
          Lwt.pick
            [
              Lwt.map (fun x -> (`A, Option.get x)) waiting_a;
              Lwt.map (fun x -> (`B, Option.get x)) (Stream.next sb);
            ]
        in
        match from with
        | `A -> drain (x :: from_a) from_b
        | `B -> drain from_a (x :: from_b)
  in
  let* from_a, from_b = drain [] [] and* () = Lwt.join [ feed a; feed b ] in
  Expect.that "the first stream's" (from_a = List.init n Fun.id);
  Expect.that "the second stream's" (from_b = List.init n Fun.id);
  Lwt.return_unit

(* Callbacks of a promise of the stream use the stream. *)
let reentrant () =
  let producer, s = make () in
  let first =
    let* x = Stream.next s in
    let* y = Stream.next s in
    Lwt.return (x, y)
  and second = Stream.next s in
  deliver producer [ 1; 2; 3 ];
  let* () = received "the first, and one in its callback" (Some 1, Some 3) first in
  let* () = received "the second" (Some 2) second in
  let producer, s = make () in
  let first =
    let* x = Stream.next s in
    Stream.close s;
    Lwt.return x
  and second = Stream.next s
  and third = Stream.next s in
  deliver producer [ 1; 2 ];
  let* () = received "the first" (Some 1) first in
  let* () = received "the second had its element" (Some 2) second in
  let* () = received "the third" None third in
  Expect.int "closed" 1 producer.closed;
  Lwt.return_unit

(* A cancelled wait leaves no callbacks behind. *)
let many_cancelled () =
  let producer, s = make () in
  let words () =
    Gc.full_major ();
    (Gc.stat ()).live_words
  in
  let rec go n =
    if n > 0 then (
      Lwt.cancel (Stream.next s);
      go (n - 1))
  in
  go 10;
  let before = words () in
  go 10_000;
  let grown = words () - before in
  Expect.that
    (Printf.sprintf "%d words for 10,000 waits" grown)
    (Expect.under_sanitizer || grown < 5_000);
  deliver producer [ 1 ];
  at_once "the element" (Some 1) (Stream.next s);
  Lwt.return_unit

(* Every function that waits, or closes. *)
let systhreads () =
  ignore (Lwt_interop.Handle.current () : Lwt_interop.Handle.t);
  let producer, s = make () in
  let moved = Stream.move (Stream.of_list [ 1 ]) in
  let closed = ref 0 in
  let close () = incr closed and none () = Lwt.return (None : int option) in
  let uses =
    [
      ("next", fun () -> ignore (Stream.next s : int option Lwt.t));
      ("next_batch", fun () -> ignore (Stream.next_batch s : int array Lwt.t));
      ("iter", fun () -> ignore (Stream.iter (fun _ -> Lwt.return_unit) s : unit Lwt.t));
      ( "fold",
        fun () -> ignore (Stream.fold (fun () _ -> Lwt.return_unit) () s : unit Lwt.t) );
      ("to_list", fun () -> ignore (Stream.to_list s : int list Lwt.t));
      ( "with_stream",
        fun () -> ignore (Stream.with_stream s (fun _ -> Lwt.return_unit) : unit Lwt.t) );
      ("close", fun () -> Stream.close s);
      ("move", fun () -> ignore (Stream.move s : int Stream.moved));
      ("accept", fun () -> ignore (Stream.accept moved : int Stream.t));
      ("from ~close", fun () -> ignore (Stream.from ~close none : int Stream.t));
    ]
  in
  let accepted = ref [] in
  let try_ (name, use) =
    match use () with
    | () -> accepted := name :: !accepted
    | exception Lwt_interop.Wrong_thread _ -> ()
  in
  Thread.join (Thread.create (List.iter try_) uses);
  Expect.string "accepted on the thread" "" (String.concat " " !accepted);
  Expect.int "pulls" 0 (pulls producer);
  Expect.int "closed" 0 (producer.closed + !closed);
  let first = Stream.next s in
  deliver producer [ 1 ];
  at_once "the stream is open" (Some 1) first;
  Lwt.return_unit

(* Finalisers run at allocations, also in the middle of the stream's functions. *)
let finalisers () =
  let last = ref 0 in
  let s =
    Stream.from (fun () ->
        incr last;
        let x = !last in
        let* () = if x mod 3 = 0 then Lwt.pause () else Lwt.return_unit in
        Lwt.return (Some x))
  in
  let received = ref [] in
  let receive = function None -> () | Some x -> received := x :: !received in
  let runs = ref 0 and is_over = ref false in
  let finalise () =
    if not !is_over then (
      incr runs;
      let p = Stream.next s in
      Lwt.on_any p receive ignore;
      if !runs mod 2 = 0 then Lwt.cancel p)
  in
  let rec go n =
    if n = 0 then Lwt.return_unit
    else (
      Gc.finalise_last finalise (ref n);
      let waiting = Stream.next s in
      let* () = if n mod 2 = 0 then Lwt.pause () else Lwt.return_unit in
      let* x = waiting in
      receive x;
      go (n - 1))
  in
  let* () = go 5_000 in
  Gc.minor ();
  is_over := true;
  Expect.that "finalisers ran" (!runs > 0);
  (* Behind those of finalisers. *)
  let* last = Stream.next s in
  receive last;
  let* () = Lwt.pause () in
  Expect.that "each element once"
    (List.sort compare !received = List.init (Option.get last) succ);
  Lwt.return_unit

let cases =
  [
    case "an element that is buffered is returned at once" buffered;
    case "the source is asked on demand, once at a time" demand;
    case "calls that wait are served in their order" order;
    case "single elements and batches have one queue" mixed;
    case "next_batch" batches;
    case "floats" floats;
    case "the end comes after the elements" ends;
    case "a failure comes after the elements, and stays" failures;
    case "a cancelled next takes nothing" cancelled;
    case "a source learns that nobody waits" abandoned;
    case "close drops the rest, ends the waits and closes the source once" closing;
    case "pick between streams" pick;
    case "callbacks use the stream" reentrant;
    alone "a cancelled next leaves nothing behind" many_cancelled;
    case "a thread that is not the loop's can neither wait nor close" systhreads;
    alone "in a finaliser, at any time" finalisers;
  ]
