open Lwt.Syntax
open Everywhere
module Channel = Lwt_interop.Channel
module Handle = Lwt_interop.Handle

let run = Lwt_main.run

let terminate other =
  other.end_ ();
  other.join ()

(* Starts an operation on another domain. The result reads the outcome of its promise there. *)
let start other f =
  let outcome = Atomic.make None in
  let set x = Atomic.set outcome (Some x) in
  run
    (Handle.spawn other.handle (fun () ->
         Lwt.on_any (f ()) (fun v -> set (Ok v)) (fun e -> set (Error e));
         Lwt.return_unit));
  fun () -> Atomic.get outcome

let terminated other = Some (Error (Lwt_interop.Domain_terminated other.id))
let contents = Single_domain.contents

module Make (C : Representation.S) = struct
  module Channel = struct
    include Channel

    let create = C.create
  end

  let sent_elements () =
    let c = Channel.create ~capacity:10 in
    on_domain (fun () -> Lwt_list.iter_s (Channel.send c) [ 1; 2; 3 ]);
    Gc.full_major ();
    Expect.that "the elements that it sent" (contents c = [ 1; 2; 3 ])

  let terminated_receivers () =
    let c = Channel.create ~capacity:10 in
    let other = other () in
    let first = start other (fun () -> Channel.recv c) in
    let second = start other (fun () -> Channel.recv c) in
    let third = start other (fun () -> Channel.recv c) in
    other.leave ();
    (* Two are notified and do not take their elements; the third waits behind them. *)
    run (Lwt_list.iter_s (Channel.send c) [ 1; 2 ]);
    run
      (let waiting = Channel.recv c in
       Expect.that "the receiver here waits" (Lwt.is_sleeping waiting);
       terminate other;
       let* x = waiting in
       Expect.that "the first element passes to it" (x = Some 1);
       Lwt.return_unit);
    Expect.that "the second element stays" (contents c = [ 2 ]);
    List.iter
      (fun outcome -> Expect.that "its error" (outcome () = terminated other))
      [ first; second; third ];
    run (Channel.send c 3);
    Expect.that "no receiver is left" (contents c = [ 3 ])

  let terminated_before_close () =
    let c : int Channel.t = Channel.create ~capacity:10 in
    let other = other () in
    let waiting = start other (fun () -> Channel.recv c) in
    other.leave ();
    Channel.close c;
    terminate other;
    Expect.that "the termination came first" (waiting () = terminated other)

  let terminated_senders () =
    let c = Channel.create ~capacity:1 in
    let other = other () in
    run (Channel.send c 0);
    let sends =
      List.map (fun i -> start other (fun () -> Channel.send c i)) [ 1; 2; 3 ]
    in
    run
      (let mine = Channel.send c 4 in
       other.leave ();
       let* x = Channel.recv c in
       Expect.that "the first element" (x = Some 0);
       terminate other;
       let* x = Channel.recv c in
       Expect.that "the element that entered the channel" (x = Some 1);
       let* () = mine in
       Expect.that "the others did not" (contents c = [ 4 ]);
       Lwt.return_unit);
    Expect.that "the outcomes"
      (List.map (fun outcome -> outcome ()) sends
      = [ Some (Ok ()); terminated other; terminated other ])

  let terminated_refused () =
    let c = Channel.create ~capacity:1 in
    let other = other () in
    run (Channel.send c 0);
    let send = start other (fun () -> Channel.send c 1) in
    other.leave ();
    Channel.close c;
    terminate other;
    Expect.that "its error" (send () = Some (Error Channel.Closed));
    Expect.that "its element is not in the channel" (contents c = [ 0 ])

  (* A domain that terminates while some of its own promises are pending has not failed. *)
  let terminated_quietly () =
    let full = Channel.create ~capacity:1 and empty = Channel.create ~capacity:1 in
    let hooked = Atomic.make [] and reached = Atomic.make 0 in
    on_domain (fun () ->
        Dlwt.set_async_exception_hook
          (Some (fun e -> Atomic.set hooked (e :: Atomic.get hooked)));
        let* () = Channel.send full 1 in
        let until_termination f =
          Lwt.async (fun () ->
              Lwt.finalize f (fun () -> Lwt.return (Atomic.incr reached)))
        in
        until_termination (fun () -> Channel.iter (fun _ -> Lwt.return_unit) empty);
        until_termination (fun () -> Channel.send full 2);
        Lwt.return_unit);
    Expect.int "both are rejected" 2 (Atomic.get reached);
    Expect.int "unhandled exceptions" 0 (List.length (Atomic.get hooked))

  let close_wakes_all () =
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
    Expect.that "its element stays" (contents full = [ 0 ])

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

  let during_termination () =
    let c = Channel.create ~capacity:1 in
    let errors = Atomic.make [] in
    let id =
      on_domain (fun () ->
          Lwt.on_failure (Channel.recv c) (fun _ ->
              let try_ f =
                try ignore (f ()) with e -> Atomic.set errors (e :: Atomic.get errors)
              in
              try_ (fun () -> ignore (Channel.recv c : int option Lwt.t));
              try_ (fun () -> ignore (Channel.send c 1 : unit Lwt.t)));
          Lwt.return (Domain.self () :> int))
    in
    let terminated = Lwt_interop.Domain_terminated id in
    Expect.that "refused" (Atomic.get errors = [ terminated; terminated ]);
    Expect.int "nothing was sent" 0 (Channel.length c)

  (* [producers] domains send [n] numbers each, and [consumers] receive them. *)
  let stream ~capacity ~producers ~consumers n =
    let c = C.create_pairs ~capacity in
    let sending = Atomic.make producers in
    let received = Array.make consumers [] in
    on_domains (producers + consumers) (fun i ->
        if i < producers then (
          let* () =
            Lwt_list.iter_s (fun k -> Channel.send c (i, k)) (List.init n Fun.id)
          in
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
      (fun (capacity, producers, consumers) ->
        stream ~capacity ~producers ~consumers 3_000)
      [ (1, 1, 1); (1, 2, 2); (2, 3, 1); (16, 1, 3); (100, 2, 2); (10_000, 3, 3) ]

  let suites =
    [
      ( "channels between domains, " ^ C.name,
        [
          plain "each element once, in each sender's order" streams;
          plain "close wakes all domains" close_wakes_all;
          plain "the elements of a domain stay when it terminates" sent_elements;
          plain "a receiver whose domain terminates passes its element on"
            terminated_receivers;
          plain "a receiver whose domain terminates before it is woken by close"
            terminated_before_close;
          plain "a sender whose domain terminates is withdrawn, or had sent"
            terminated_senders;
          plain "a sender that close refused before its domain terminates"
            terminated_refused;
          plain "a promise that is pending at the termination is no error"
            terminated_quietly;
          plain "try_send and try_recv without a loop" without_a_loop;
          plain "a domain that terminates cannot send" during_termination;
        ] );
    ]
end
