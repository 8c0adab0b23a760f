open Lwt.Syntax
open Everywhere
module Stream = Lwt_interop.Stream
module Handle = Lwt_interop.Handle

exception Broken

let run = Lwt_main.run
let here () = (Domain.self () :> int)

let terminate other =
  other.end_ ();
  other.join ()

let invalid what parts f =
  match Expect.raised what f with
  | Invalid_argument text -> List.iter (fun part -> Expect.contains what ~part text) parts
  | e -> raise e

let domain = Printf.sprintf "domain %d"

(* Every function of the interface that takes a stream. *)
let uses : (string * (int Stream.t -> unit)) list =
  [
    ("next", fun s -> ignore (Stream.next s : int option Lwt.t));
    ("next_batch", fun s -> ignore (Stream.next_batch s : int array Lwt.t));
    ("iter", fun s -> ignore (Stream.iter (fun _ -> Lwt.return_unit) s : unit Lwt.t));
    ("fold", fun s -> ignore (Stream.fold (fun () _ -> Lwt.return_unit) () s : unit Lwt.t));
    ("to_list", fun s -> ignore (Stream.to_list s : int list Lwt.t));
    ("with_stream", fun s -> ignore (Stream.with_stream s Stream.next : int option Lwt.t));
    ("map", fun s -> ignore (Stream.map succ s : int Stream.t));
    ("map_s", fun s -> ignore (Stream.map_s Lwt.return s : int Stream.t));
    ("filter_map", fun s -> ignore (Stream.filter_map Option.some s : int Stream.t));
    ("to_lwt_stream", fun s -> ignore (Stream.to_lwt_stream s : int Lwt_stream.t));
    ("to_lwt_seq", fun s -> ignore (Stream.to_lwt_seq s : int Lwt_seq.t));
    ("move", fun s -> ignore (Stream.move s : int Stream.moved));
  ]

let close : string * (int Stream.t -> unit) = ("close", Stream.close)

let wrong_domain () =
  let home = here () in
  let s = Stream.of_list [ 1; 2 ] in
  on_domain (fun () ->
      List.iter
        (fun (name, use) ->
          invalid name
            [ "Stream." ^ name; domain home; domain (here ()); "Stream.move" ]
            (fun () -> use s))
        (close :: uses);
      Lwt.return_unit);
  Expect.that "nothing was taken" (run (Stream.to_list s) = [ 1; 2 ])

let moved_away () =
  let s = Stream.of_list [ 1; 2 ] in
  let moved = Stream.move s in
  List.iter
    (fun (name, use) ->
      invalid name
        [ "Stream." ^ name; "moved"; domain (here ()); "Stream.accept" ]
        (fun () -> use s))
    uses;
  Stream.close s;
  Expect.that "close does nothing" (run (Stream.to_list (Stream.accept moved)) = [ 1; 2 ]);
  invalid "accepted twice"
    [ "Stream.accept"; domain (here ()) ]
    (fun () -> Stream.accept moved);
  let producer, s = Producer.make () in
  let waiting = Stream.next s in
  invalid "somebody waits"
    [ "Stream.move"; domain (here ()); "pending" ]
    (fun () -> Stream.move s);
  Lwt.cancel waiting;
  let moved = Stream.move s in
  (* The pull is still pending. *)
  Producer.deliver producer [ 1; 2 ] ~ending:Finished;
  Expect.that "nothing is lost" (run (Stream.to_list (Stream.accept moved)) = [ 1; 2 ])

let accept_twice () =
  let moved = Stream.move (Stream.of_list [ 1 ]) in
  run
    (with_other (fun other ->
         Handle.spawn other.handle (fun () ->
             let* list = Stream.to_list (Stream.accept moved) in
             Expect.that "the elements" (list = [ 1 ]);
             invalid "accepted twice"
               [ "Stream.accept"; domain (here ()) ]
               (fun () -> Stream.accept moved);
             Lwt.return_unit)));
  invalid "accepted twice"
    [ "Stream.accept"; domain (here ()) ]
    (fun () -> Stream.accept moved)

(* [f] runs on another domain, with a stream that is moved there, while this domain runs its loop. *)
let over_there s f =
  let moved = Stream.move s in
  run
    (with_other (fun other ->
         Handle.spawn other.handle (fun () -> f (Stream.accept moved))))

let elements () =
  let n = 1000 in
  let last = ref 0 in
  let s =
    Stream.from (fun () ->
        incr last;
        if !last > n then Lwt.return_none
        else
          let* () = if !last mod 5 = 0 then Lwt.pause () else Lwt.return_unit in
          Lwt.return (Some !last))
  in
  let list = over_there s Stream.to_list in
  Expect.that "all, in order" (list = List.init n succ);
  let producer, s = Producer.make () in
  let first = Stream.next s in
  Producer.deliver producer [ 1; 2; 3 ];
  Expect.that "the first" (Lwt.state first = Return (Some 1));
  let list =
    over_there s (fun s ->
        let* a = Stream.next s in
        let* b = Stream.next s in
        let cancelled = Stream.next s in
        Lwt.cancel cancelled;
        Lwt.return [ a; b ])
  in
  Expect.that "buffered elements go along" (list = [ Some 2; Some 3 ])

(* A domain that asks for elements gets no more than 256 KiB, with the last of them. *)
let batches () =
  let producer, s = Producer.make () in
  let elements = List.init 7 (fun i -> String.make (100_000 + i) 'x') in
  let delivered = ref Lwt.return_unit in
  let deliver () =
    let+ () = Expect.eventually (fun () -> Producer.is_asked producer) in
    Producer.deliver producer elements ~ending:Finished
  in
  Lwt.async (fun () ->
      delivered := deliver ();
      !delivered);
  let found =
    over_there s (fun s ->
        let rec go found =
          let* batch = Stream.next_batch s in
          match Array.to_list batch with
          | [] -> Lwt.return (List.rev found)
          | batch -> go (batch :: found)
        in
        go [])
  in
  Expect.that "in order" (List.concat found = elements);
  Expect.that "in batches" (List.map List.length found = [ 3; 3; 1 ]);
  Expect.int "the source was asked once" 1 (Producer.pulls producer)

let failure () =
  let s = Stream.from (fun () -> Lwt.bind (Lwt.pause ()) (fun () -> raise Broken)) in
  let e = over_there s (fun s -> Expect.rejected "fails" (Stream.next s)) in
  Expect.that "its exception" (e = Broken)

let closed () =
  let closed_on = Atomic.make [] in
  let close () = Atomic.set closed_on (here () :: Atomic.get closed_on) in
  let never () : int option Lwt.t = fst (Lwt.wait ()) in
  let is_closed () = Atomic.get closed_on <> [] in
  let check what =
    run (Expect.eventually is_closed);
    Expect.that what (Atomic.get closed_on = [ here () ]);
    Atomic.set closed_on []
  in
  let s = Stream.from ~close never in
  over_there s (fun s ->
      let waiting = Stream.next s in
      Stream.close s;
      Lwt.map (fun x -> Expect.that "the end" (x = None)) waiting);
  check "closed there";
  let moved = Stream.move (Stream.from ~close never) in
  let rejected = Atomic.make None in
  let id =
    on_domain (fun () ->
        let s = Stream.accept moved in
        Lwt.on_failure (Stream.next s) (fun e -> Atomic.set rejected (Some e));
        Lwt.return (here ()))
  in
  check "the consumer's domain terminates";
  Expect.that "its wait" (Atomic.get rejected = Some (Lwt_interop.Domain_terminated id));
  let s = Stream.from ~close never in
  let moved = Stream.move s in
  run
    (with_other (fun other ->
         let* () =
           Handle.spawn other.handle (fun () ->
               Lwt.cancel (Stream.next (Stream.accept moved));
               Lwt.return_unit)
         in
         Expect.eventually (fun () ->
             Gc.full_major ();
             is_closed ())));
  check "the consumer is collected, with a pull pending";
  let[@inline never] drop () =
    ignore (Stream.move (Stream.from ~close never) : int Stream.moved)
  in
  drop ();
  run
    (Expect.eventually (fun () ->
         Gc.full_major ();
         is_closed ()));
  check "never accepted"

let producer_terminates () =
  let other = other () in
  let moved =
    run
      (Handle.spawn other.handle (fun () ->
           let producer, s = Producer.make () in
           let first = Stream.next s in
           Producer.deliver producer [ 1; 2 ];
           let* (_ : int option) = first in
           Lwt.return (Stream.move s)))
  in
  let s = Stream.accept moved in
  let terminated e = e = Lwt_interop.Domain_terminated other.id in
  run
    (let* x = Stream.next s in
     Expect.that "the element that came along" (x = Some 2);
     let waiting = Stream.next s in
     let* () = Handle.spawn other.handle Lwt.return in
     terminate other;
     let* e = Expect.rejected "the wait" waiting in
     Expect.that "its error" (terminated e);
     let* e = Expect.rejected "it stays" (Stream.next s) in
     Expect.that "its error" (terminated e);
     Lwt.return_unit)

let home_terminates () =
  let closed = Atomic.make 0 and rejected = Atomic.make [] in
  let id =
    on_domain (fun () ->
        let close () = Atomic.incr closed in
        let never () : int option Lwt.t = fst (Lwt.wait ()) in
        let reject p =
          Lwt.on_failure p (fun e -> Atomic.set rejected (e :: Atomic.get rejected))
        in
        reject (Stream.next (Stream.from ~close never));
        reject (Stream.next (Stream.from never));
        reject (Stream.iter (fun _ -> Lwt.return_unit) (Stream.from ~close never));
        let idle = Stream.from ~close never in
        let* () = Lwt.pause () in
        ignore (Sys.opaque_identity idle : int Stream.t);
        Lwt.return (here ()))
  in
  Expect.int "the sources are closed" 3 (Atomic.get closed);
  let e = Lwt_interop.Domain_terminated id in
  Expect.that "the waits" (Atomic.get rejected = [ e; e; e ])

let again () =
  let n = 300 in
  let s = Stream.of_seq (Seq.take n (Seq.ints 0)) in
  let list =
    over_there s (fun s ->
        let* x = Stream.next s in
        Expect.that "the first" (x = Some 0);
        let moved = Stream.move s in
        with_other (fun third ->
            Handle.spawn third.handle (fun () -> Stream.to_list (Stream.accept moved))))
  in
  Expect.that "the others" (list = List.init (n - 1) succ)

let suites =
  [
    ( "streams between domains",
      [
        plain "another domain is refused, by every function" wrong_domain;
        plain "a stream that was moved is refused" moved_away;
        plain "a stream is accepted once" accept_twice;
        plain "every element arrives, in order" elements;
        plain "elements arrive in batches" batches;
        plain "a failure arrives" failure;
        plain "a consumer that is gone closes the source, on its domain" closed;
        plain "the producer's domain terminates" producer_terminates;
        plain "the stream's domain terminates" home_terminates;
        plain "an accepted stream is moved again" again;
      ] );
  ]
