open Lwt.Syntax
open Everywhere
open Producer
module Stream = Lwt_interop.Stream
module Handle = Lwt_interop.Handle

(* Collects until the condition holds. *)
let collected condition =
  Expect.eventually (fun () ->
      Gc.full_major ();
      condition ())

let not_collected what count =
  let rec go n =
    if n = 0 then Lwt.return_unit
    else (
      Gc.full_major ();
      let* () = Lwt.pause () in
      go (n - 1))
  in
  let* () = go 5 in
  Expect.int what 0 (Atomic.get count);
  Lwt.return_unit

(* A finaliser in place of that of a guard, which is reachable as long as the stream is. *)
let watched count s =
  Gc.finalise (fun _ -> Atomic.incr count) s;
  s

let[@inline never] without_reference f = Sys.opaque_identity (f ())

let pull_pending () =
  let count = Atomic.make 0 in
  let producer =
    without_reference (fun () ->
        let producer, s = make () in
        let s = watched count s in
        Lwt.cancel (Stream.next s);
        producer)
  in
  Expect.that "a pull is pending" (is_asked producer);
  let* () = collected (fun () -> Atomic.get count = 1) in
  deliver producer [ 1 ];
  Lwt.return_unit

let next_waits () =
  let count = Atomic.make 0 and received = ref None in
  let producer =
    without_reference (fun () ->
        let producer, s = make () in
        let s = watched count s in
        Lwt.on_success (Stream.next s) (fun x -> received := x);
        producer)
  in
  let* () = not_collected "a next waits" count in
  deliver producer [ 1 ];
  let* () = Lwt.pause () in
  Expect.that "it gets its element" (!received = Some 1);
  collected (fun () -> Atomic.get count = 1)

let derived () =
  let count = Atomic.make 0 and received = ref None in
  let producer =
    without_reference (fun () ->
        let producer, s = make () in
        let s = watched count s in
        Lwt.on_success (Stream.next (Stream.map string_of_int s)) (fun x -> received := x);
        producer)
  in
  let* () = not_collected "a next of a derived stream waits" count in
  deliver producer [ 1 ];
  let* () = Lwt.pause () in
  Expect.that "it gets its element" (!received = Some "1");
  let* () = collected (fun () -> Atomic.get count = 1) in
  let producer =
    without_reference (fun () ->
        let producer, s = make () in
        let s = watched count s in
        Lwt.cancel (Stream.next (Stream.map succ (Stream.map succ s)));
        producer)
  in
  Expect.that "a pull is pending" (is_asked producer);
  collected (fun () -> Atomic.get count = 2)

let views () =
  let count = Atomic.make 0 in
  let view =
    without_reference (fun () ->
        let _, s = make () in
        Stream.to_lwt_seq (watched count s))
  in
  let* () = not_collected "there is a view" count in
  let waiting = (Sys.opaque_identity view) () in
  Lwt.cancel waiting;
  let* () =
    without_reference (fun () ->
        let producer, s = make () in
        let s = watched count s in
        let view = Stream.to_lwt_stream s in
        let waiting = Lwt_stream.get view in
        deliver producer [ 1 ];
        Lwt.map (fun x -> Expect.that "the element" (x = Some 1)) waiting)
  in
  collected (fun () -> Atomic.get count >= 1)

(* The source is closed on its domain, wherever the finaliser runs. *)
let closes () =
  let closed_on = Atomic.make (-1) in
  let close () = Atomic.set closed_on (Domain.self () :> int) in
  let ask =
    without_reference (fun () ->
        let p, u = Lwt.wait () in
        let s = Stream.from ~close (fun () -> p) in
        Lwt.cancel (Stream.next s);
        u)
  in
  let* () = collected (fun () -> Atomic.get closed_on >= 0) in
  Expect.int "on its domain" (Domain.self () :> int) (Atomic.get closed_on);
  Lwt.wakeup_later ask (Some 1);
  Atomic.set closed_on (-1);
  let waiting =
    without_reference (fun () ->
        Stream.next (Stream.from ~close (fun () -> fst (Lwt.wait ()))))
  in
  let* () = Lwt.pause () in
  Gc.full_major ();
  let* () = Lwt.pause () in
  Expect.int "not while a next waits" (-1) (Atomic.get closed_on);
  Lwt.cancel (waiting : int option Lwt.t);
  collected (fun () -> Atomic.get closed_on >= 0)

(* Nothing else wakes the domain that the stream belongs to. *)
let sleeping () =
  let collected_there make is_closed =
    with_other (fun other ->
        let make () =
          make ();
          Lwt.return_unit
        in
        let* () = Handle.spawn other.handle make in
        (* It has nothing else to do, and sleeps. *)
        let* () = Lwt_unix.sleep 0.02 in
        collected is_closed)
  in
  let closed = Atomic.make 0 and tag = tag () in
  let close () = Atomic.incr closed in
  let* () =
    collected_there
      (fun () -> ignore (Stream.from ~close (fun () -> fst (Lwt.wait ())) : int Stream.t))
      (fun () -> Atomic.get closed = 1)
  in
  collected_there
    (fun () -> ignore (Rust.stream_never tag 0 : int Stream.t))
    (fun () -> Rust.futures_alive tag = 0)

let elements () =
  let count = Atomic.make 0 in
  let element i =
    let x = ref i in
    Gc.finalise (fun _ -> Atomic.incr count) x;
    x
  in
  let s = without_reference (fun () -> Stream.of_list (List.init 3 element)) in
  let receive () =
    without_reference (fun () -> Lwt.map (fun (_ : int ref option) -> ()) (Stream.next s))
  in
  let* () = receive () in
  let* () = receive () in
  let* () = collected (fun () -> Atomic.get count = 2) in
  Stream.close s;
  collected (fun () -> Atomic.get count = 3)

let cases =
  [
    alone "a stream is collected although a pull is pending" pull_pending;
    alone "a stream is not collected while a next waits" next_waits;
    alone "a derived stream keeps its source only while somebody waits" derived;
    alone "a view keeps its stream" views;
    alone "the collector closes a source on its domain" closes;
    alone "the collector wakes a domain that sleeps, which closes its sources" sleeping;
    alone "an element that was received is collected" elements;
  ]
