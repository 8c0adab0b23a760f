(* Domains that send to each other, and end. *)

open Lwt.Syntax
open Everywhere
module Channel = Lwt_interop.Channel
module Handle = Lwt_interop.Handle

let run = Lwt_main.run

let end_of other =
  other.end_ ();
  other.join ()

(* Starts an operation on another domain, and tells what its promise becomes there. *)
let start other f =
  let outcome = Atomic.make None in
  let set x = Atomic.set outcome (Some x) in
  run
    (Handle.spawn other.handle (fun () ->
         Lwt.on_any (f ()) (fun v -> set (Ok v)) (fun e -> set (Error e));
         Lwt.return_unit));
  fun () -> Atomic.get outcome

let terminated other = Some (Error (Lwt_interop.Domain_terminated other.id))
let contents = Alone.contents

let ended_producer () =
  let c = Channel.create ~capacity:10 in
  on_domain (fun () -> Lwt_list.iter_s (Channel.send c) [ 1; 2; 3 ]);
  Gc.full_major ();
  Expect.that "what it sent" (contents c = [ 1; 2; 3 ])

let ended_receivers () =
  let c = Channel.create ~capacity:10 in
  let other = other () in
  let first = start other (fun () -> Channel.recv c) in
  let second = start other (fun () -> Channel.recv c) in
  let third = start other (fun () -> Channel.recv c) in
  other.leave ();
  (* Two are called, and do not come; the third is in the line. *)
  run (Lwt_list.iter_s (Channel.send c) [ 1; 2 ]);
  run
    (let waiting = Channel.recv c in
     Expect.that "it waits" (Lwt.is_sleeping waiting);
     end_of other;
     let* x = waiting in
     Expect.that "the first element goes on" (x = Some 1);
     Lwt.return_unit);
  Expect.that "the second stays" (contents c = [ 2 ]);
  List.iter
    (fun outcome -> Expect.that "told why" (outcome () = terminated other))
    [ first; second; third ];
  run (Channel.send c 3);
  Expect.that "they are out of the line" (contents c = [ 3 ])

let ended_before_the_end () =
  let c : int Channel.t = Channel.create ~capacity:10 in
  let other = other () in
  let waiting = start other (fun () -> Channel.recv c) in
  other.leave ();
  Channel.close c;
  end_of other;
  Expect.that "the domain's end came first" (waiting () = terminated other)

let ended_senders () =
  let c = Channel.create ~capacity:1 in
  let other = other () in
  run (Channel.send c 0);
  let sends = List.map (fun i -> start other (fun () -> Channel.send c i)) [ 1; 2; 3 ] in
  run
    (let mine = Channel.send c 4 in
     other.leave ();
     let* x = Channel.recv c in
     Expect.that "the first" (x = Some 0);
     end_of other;
     let* x = Channel.recv c in
     Expect.that "the one that got in" (x = Some 1);
     let* () = mine in
     Expect.that "not the others" (contents c = [ 4 ]);
     Lwt.return_unit);
  Expect.that "each is told what happened"
    (List.map (fun outcome -> outcome ()) sends
    = [ Some (Ok ()); terminated other; terminated other ])

let ended_refused () =
  let c = Channel.create ~capacity:1 in
  let other = other () in
  run (Channel.send c 0);
  let send = start other (fun () -> Channel.send c 1) in
  other.leave ();
  Channel.close c;
  end_of other;
  Expect.that "told why" (send () = Some (Error Channel.Closed));
  Expect.that "not in" (contents c = [ 0 ])

(* A program that ends while a task of its own waits has not failed. *)
let ended_quietly () =
  let full = Channel.create ~capacity:1 and empty = Channel.create ~capacity:1 in
  let hooked = Atomic.make [] and reached = Atomic.make 0 in
  on_domain (fun () ->
      Dlwt.set_async_exception_hook
        (Some (fun e -> Atomic.set hooked (e :: Atomic.get hooked)));
      let* () = Channel.send full () in
      let until_the_end f =
        Lwt.async (fun () -> Lwt.finalize f (fun () -> Lwt.return (Atomic.incr reached)))
      in
      until_the_end (fun () -> Channel.iter Lwt.return empty);
      until_the_end (fun () -> Channel.send full ());
      Lwt.return_unit);
  Expect.int "both heard of it" 2 (Atomic.get reached);
  Expect.int "and it is no error" 0 (List.length (Atomic.get hooked))

let closed_for_all () =
  let full = Channel.create ~capacity:1 and empty = Channel.create ~capacity:1 in
  let waiting = Atomic.make 0 and n = 3 in
  run (Channel.send full 0);
  on_domains (n + 1) (fun i ->
      if i = 0 then (
        let* () = Expect.eventually (fun () -> Atomic.get waiting = 2 * 5 * n) in
        Channel.close full;
        Channel.close empty;
        Lwt.return_unit)
      else
        let wait f =
          let p = f () in
          Atomic.incr waiting;
          p
        in
        Lwt.join
          (List.init 5 (fun _ ->
               let* e = Expect.rejected "send" (wait (fun () -> Channel.send full i)) in
               Expect.that "closed" (e = Channel.Closed);
               Lwt.return_unit)
          @ List.init 5 (fun _ ->
                let* x = wait (fun () -> Channel.recv empty) in
                Expect.that "closed" (x = None);
                Lwt.return_unit)));
  Expect.that "what was in it" (contents full = [ 0 ])

let without_a_loop () =
  let c = Channel.create ~capacity:1 in
  let waiting = Channel.recv c in
  Domain.join
    (Domain.spawn (fun () ->
         Expect.that "send" (Channel.try_send c 1 = `Sent);
         Expect.that "receive" (Channel.try_recv c = `Empty);
         Expect.int "length" 1 (Channel.length c);
         Channel.close c));
  Expect.that "received" (run waiting = Some 1)

let late () =
  let c = Channel.create ~capacity:1 in
  let told = Atomic.make [] in
  let id =
    on_domain (fun () ->
        Lwt.on_failure (Channel.recv c) (fun _ ->
            let try_ f =
              try ignore (f ()) with e -> Atomic.set told (e :: Atomic.get told)
            in
            try_ (fun () -> ignore (Channel.recv c : int option Lwt.t));
            try_ (fun () -> ignore (Channel.send c 1 : unit Lwt.t)));
        Lwt.return (Domain.self () :> int))
  in
  let gone = Lwt_interop.Domain_terminated id in
  Expect.that "refused" (Atomic.get told = [ gone; gone ]);
  Expect.int "nothing was sent" 0 (Channel.length c)

(* [producers] domains send [n] numbers each, and [consumers] receive them. *)
let stream ~capacity ~producers ~consumers n =
  let c = Channel.create ~capacity in
  let sending = Atomic.make producers in
  let received = Array.make consumers [] in
  on_domains (producers + consumers) (fun i ->
      if i < producers then (
        let* () = Lwt_list.iter_s (fun k -> Channel.send c (i, k)) (List.init n Fun.id) in
        if Atomic.fetch_and_add sending (-1) = 1 then Channel.close c;
        Lwt.return_unit)
      else
        let mine = ref [] in
        let* () =
          Channel.iter
            (fun x ->
              mine := x :: !mine;
              Lwt.return_unit)
            c
        in
        received.(i - producers) <- List.rev !mine;
        Lwt.return_unit);
  let of_producer i l =
    List.filter_map (fun (j, k) -> if i = j then Some k else None) l
  in
  for i = 0 to producers - 1 do
    let each = Array.to_list (Array.map (of_producer i) received) in
    List.iter
      (fun l -> Expect.that "each consumer's in order" (List.sort compare l = l))
      each;
    Expect.that "each once" (List.sort compare (List.concat each) = List.init n Fun.id)
  done

let streams () =
  List.iter
    (fun (capacity, producers, consumers) -> stream ~capacity ~producers ~consumers 3_000)
    [ (1, 1, 1); (1, 2, 2); (2, 3, 1); (16, 1, 3); (100, 2, 2); (10_000, 3, 3) ]

let suites =
  [
    ( "channels between domains",
      [
        plain "each element once, in each sender's order" streams;
        plain "close wakes all domains" closed_for_all;
        plain "what a domain sent stays when it ends" ended_producer;
        plain "a receiver whose domain ends passes its element on" ended_receivers;
        plain "a receiver whose domain ends before it learns of the close"
          ended_before_the_end;
        plain "a sender whose domain ends is out, or it was in" ended_senders;
        plain "a sender whose domain ends learns of the close" ended_refused;
        plain "whoever waits when the domain ends is no error" ended_quietly;
        plain "try_send and try_recv without a loop" without_a_loop;
        plain "a domain that ends sends no more" late;
      ] );
  ]
