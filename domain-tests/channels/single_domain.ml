open Lwt.Syntax
open Everywhere
module Channel = Lwt_interop.Channel

let pending what p = Expect.that what (Lwt.is_sleeping p)

(* Waits until the domain has processed the messages that it has sent to itself. Those of Rust's have a mailbox of
   their own, and are followed by a request to the loop. *)
let run_loop () =
  let round () = Lwt_interop.Handle.spawn (Lwt_interop.Handle.current ()) Lwt.return in
  let* () = round () in
  let* () = round () in
  let* () = Lwt.pause () in
  round ()

let received what expected p =
  let* found = p in
  Expect.that what (found = expected);
  Lwt.return_unit

(* Fulfilled without any further call. *)
let sent what p = received what () p

let refused what p =
  let* e = Expect.rejected what p in
  Expect.that what (e = Channel.Closed);
  Lwt.return_unit

let contents c =
  let rec go found =
    match Channel.try_recv c with
    | `Received x -> go (x :: found)
    | `Empty | `Closed -> List.rev found
  in
  go []

module Make (C : Representation.S) = struct
  module Channel = struct
    include Channel

    let create = C.create
  end

  let capacities () =
    List.iter
      (fun n ->
        match Expect.raised "create" (fun () -> Channel.create ~capacity:n) with
        | Invalid_argument text ->
            Expect.contains "the capacity" ~part:(string_of_int n) text
        | e -> raise e)
      [ 0; -1; max_int ];
    let c = Channel.create ~capacity:2 in
    Expect.int "capacity" 2 (Channel.capacity c);
    Expect.int "length" 0 (Channel.length c);
    Expect.that "empty" (Channel.try_recv c = `Empty);
    Expect.that "first" (Channel.try_send c 1 = `Sent);
    Expect.that "second" (Channel.try_send c 2 = `Sent);
    Expect.that "third" (Channel.try_send c 3 = `Full);
    Expect.int "length" 2 (Channel.length c);
    Expect.that "receive" (Channel.try_recv c = `Received 1);
    Expect.that "there is room" (Channel.try_send c 4 = `Sent);
    Expect.that "contents" (contents c = [ 2; 4 ]);
    Lwt.return_unit

  let order () =
    let n = 1000 in
    let c = Channel.create ~capacity:7 in
    let* () =
      Lwt_list.iter_s
        (fun k ->
          let sends = List.init k (fun i -> Channel.send c i) in
          let* received = Lwt_list.map_s (fun _ -> Channel.recv c) sends in
          Expect.that "in order" (received = List.init k Option.some);
          Lwt.join sends)
        [ 1; 6; 7; 8; 15; n ]
    in
    (* Receivers that wait are served in the order of their calls. *)
    let receivers = List.init n (fun _ -> Channel.recv c) in
    let* () = Lwt_list.iter_s (Channel.send c) (List.init n Fun.id) in
    let* received = Lwt.all receivers in
    Expect.that "in order" (received = List.init n Option.some);
    Lwt.return_unit

  let resolved_at_once () =
    let c = Channel.create ~capacity:1 in
    Expect.that "send" (Lwt.state (Channel.send c 1) = Lwt.Return ());
    Expect.that "recv" (Lwt.state (Channel.recv c) = Lwt.Return (Some 1));
    Lwt.return_unit

  let full () =
    let c = Channel.create ~capacity:1 in
    let* () = Channel.send c 1 in
    let second = Channel.send c 2 and third = Channel.send c 3 in
    let* () = run_loop () in
    pending "the second" second;
    let* () = received "the first" (Some 1) (Channel.recv c) in
    Expect.int "the second is in the channel" 1 (Channel.length c);
    Expect.that "no call overtakes the third" (Channel.try_send c 4 = `Full);
    let* () = sent "the second" second in
    pending "the third" third;
    Expect.that "second" (Channel.try_recv c = `Received 2);
    let* () = sent "the third" third in
    Expect.that "third" (contents c = [ 3 ]);
    Lwt.return_unit

  (* After the receiver was notified, and before it takes its element. *)
  let reserved () =
    let c = Channel.create ~capacity:2 in
    let first = Channel.recv c in
    Expect.that "sent" (Channel.try_send c 1 = `Sent);
    Expect.that "the element is reserved" (Channel.try_recv c = `Empty);
    Expect.int "and still in the channel" 1 (Channel.length c);
    let second = Channel.recv c in
    pending "the second" second;
    let* () = received "the first" (Some 1) first in
    Expect.that "sent" (Channel.try_send c 2 = `Sent);
    received "the second" (Some 2) second

  let close () =
    let c = Channel.create ~capacity:2 in
    let* () = Channel.send c 1 in
    let* () = Channel.send c 2 in
    let waiting = List.init 3 (fun _ -> Channel.send c 3) in
    Expect.that "open" (not (Channel.is_closed c));
    Channel.close c;
    Channel.close c;
    Expect.that "closed" (Channel.is_closed c);
    let* () = Lwt_list.iter_s (refused "waiting") waiting in
    let* () = refused "send" (Channel.send c 4) in
    Expect.that "try_send" (Channel.try_send c 5 = `Closed);
    let* () = received "the first element" (Some 1) (Channel.recv c) in
    Expect.that "the second element" (Channel.try_recv c = `Received 2);
    let* () = received "closed and empty" None (Channel.recv c) in
    Expect.that "closed and empty" (Channel.try_recv c = `Closed);
    Channel.close c;
    received "still closed" None (Channel.recv c)

  let close_with_receivers () =
    let c : int Channel.t = Channel.create ~capacity:2 in
    let waiting = List.init 3 (fun _ -> Channel.recv c) in
    Channel.close c;
    Lwt_list.iter_s (received "waiting" None) waiting

  (* A receiver that was notified gets its element, although the channel is closed before it takes it.
   The receivers behind it wait until then, because the element may pass to them. *)
  let close_with_reservation () =
    let c = Channel.create ~capacity:2 in
    let first = Channel.recv c and second = Channel.recv c and third = Channel.recv c in
    Expect.that "sent" (Channel.try_send c 1 = `Sent);
    Channel.close c;
    Expect.that "not empty" (Channel.try_recv c = `Empty);
    Lwt.cancel first;
    let* () = Expect.cancelled "the first" first in
    let* () = received "the second" (Some 1) second in
    received "the third" None third

  let cancelled_receivers () =
    let c = Channel.create ~capacity:3 in
    let receivers = Array.init 5 (fun _ -> Channel.recv c) in
    Lwt.cancel receivers.(1);
    (* The first and the third are notified; then the first is cancelled. *)
    Expect.that "sent" (Channel.try_send c 1 = `Sent);
    Expect.that "sent" (Channel.try_send c 2 = `Sent);
    Lwt.cancel receivers.(0);
    let* () = Expect.cancelled "the first" receivers.(0) in
    let* () = Expect.cancelled "the second" receivers.(1) in
    let* () = received "the third" (Some 1) receivers.(2) in
    let* () = received "the fourth" (Some 2) receivers.(3) in
    pending "the fifth" receivers.(4);
    (* Notified, with no receiver behind it. *)
    Expect.that "sent" (Channel.try_send c 3 = `Sent);
    Lwt.cancel receivers.(4);
    let* () = run_loop () in
    received "the element is still in the channel" (Some 3) (Channel.recv c)

  let cancelled_senders () =
    let c = Channel.create ~capacity:1 in
    let* () = Channel.send c 0 in
    let senders = Array.init 4 (fun i -> Channel.send c (i + 1)) in
    Lwt.cancel senders.(1);
    let* () = Expect.cancelled "the second" senders.(1) in
    let* () = received "first" (Some 0) (Channel.recv c) in
    (* The first element is in the channel, and its sender has not been woken. *)
    pending "the first" senders.(0);
    Lwt.cancel senders.(0);
    Expect.that "its element was in the channel" (Lwt.state senders.(0) = Lwt.Return ());
    let* () = received "the first" (Some 1) (Channel.recv c) in
    let* () = sent "the third" senders.(2) in
    (* The fourth is refused, and its sender has not been woken. *)
    Channel.close c;
    Lwt.cancel senders.(3);
    let* () = refused "the fourth" senders.(3) in
    Expect.that "contents" (contents c = [ 3 ]);
    let* () = run_loop () in
    Lwt.return_unit

  (* Each pick takes one element, and the receiver that it cancels takes none. *)
  let pick () =
    let n = 50 in
    let a = Channel.create ~capacity:4 and b = Channel.create ~capacity:4 in
    let fill c = Lwt_list.iter_s (Channel.send c) (List.init n Fun.id) in
    let rec drain from_a from_b =
      if List.length from_a + List.length from_b = 2 * n then
        Lwt.return (List.rev from_a, List.rev from_b)
      else
        let waiting_a = Channel.recv a in
        if Lwt.is_sleeping waiting_a then
          let* from, x =
            Lwt.pick
              [
                Lwt.map (fun x -> (`A, Option.get x)) waiting_a;
                Lwt.map (fun x -> (`B, Option.get x)) (Channel.recv b);
              ]
          in
          match from with
          | `A -> drain (x :: from_a) from_b
          | `B -> drain from_a (x :: from_b)
        else
          let* x = waiting_a in
          drain (Option.get x :: from_a) from_b
    in
    let* from_a, from_b = drain [] []
    and* () =
      let* () = Lwt.pause () in
      Lwt.join [ fill a; fill b ]
    in
    let all = List.init n Fun.id in
    Expect.that "the first channel's" (from_a = all);
    Expect.that "the second channel's" (from_b = all);
    Lwt.return_unit

  let iter () =
    let n = 100 in
    let c = Channel.create ~capacity:3 in
    let seen = ref [] and running = ref 0 in
    let f x =
      incr running;
      Expect.int "one at a time" 1 !running;
      let* () = Lwt.pause () in
      decr running;
      seen := x :: !seen;
      Lwt.return_unit
    in
    let* () = Channel.iter f c
    and* () =
      let* () = Lwt_list.iter_s (Channel.send c) (List.init n Fun.id) in
      Channel.close c;
      Lwt.return_unit
    in
    Expect.that "all, in order" (List.rev !seen = List.init n Fun.id);
    let c = Channel.create ~capacity:3 in
    let* () = Lwt_list.iter_s (Channel.send c) [ 1; 2; 3 ] in
    let* e =
      Expect.rejected "f fails"
        (Channel.iter (fun x -> if x = 2 then Lwt.fail Exit else Lwt.return_unit) c)
    in
    Expect.that "its exception" (e = Exit);
    Expect.that "the others stay" (contents c = [ 3 ]);
    Lwt.return_unit

  (* The channel is never empty. *)
  let iter_is_fair () =
    let c = Channel.create ~capacity:1 in
    let seen = ref 0 in
    let f _ =
      incr seen;
      ignore (Channel.try_send c 0 : [ `Sent | `Full | `Closed ]);
      Lwt.return_unit
    in
    Expect.that "sent" (Channel.try_send c 0 = `Sent);
    let* () = Channel.iter f c
    and* () =
      let* () = Lwt.pause () in
      let* () = Lwt.pause () in
      Channel.close c;
      Lwt.return_unit
    in
    Expect.that "few elements for each iteration of the loop" (!seen <= 4 * 32);
    Lwt.return_unit

  let resolved_in_the_loop () =
    let c = Channel.create ~capacity:1 in
    let in_call = ref true in
    let p =
      let* x = Channel.recv c in
      Expect.that "not within the call of the sender" (not !in_call);
      Lwt.return x
    in
    Expect.that "sent" (Channel.try_send c 1 = `Sent);
    in_call := false;
    let* () = received "received" (Some 1) p in
    in_call := true;
    let closed = Lwt.map (fun x -> (x, !in_call)) (Channel.recv c) in
    Channel.close c;
    in_call := false;
    received "not within the call of close" (None, false) closed

  let systhreads () =
    ignore (Lwt_interop.Handle.current () : Lwt_interop.Handle.t);
    let c = Channel.create ~capacity:1 in
    let waiting = Channel.recv c in
    let filled = Channel.create ~capacity:2 in
    Expect.that "sent" (Channel.try_send filled 1 = `Sent);
    let failures = ref [] in
    let refused what f =
      match f () with
      | _ -> failures := what :: !failures
      | exception Lwt_interop.Wrong_thread _ -> ()
    in
    let body () =
      refused "send" (fun () -> ignore (Channel.send c 1 : unit Lwt.t));
      refused "recv" (fun () -> ignore (Channel.recv c : int option Lwt.t));
      refused "send_all" (fun () -> ignore (Channel.send_all c [| 1 |] : unit Lwt.t));
      refused "recv_many" (fun () -> ignore (Channel.recv_many c : int array Lwt.t));
      refused "iter" (fun () ->
          ignore (Channel.iter (fun _ -> Lwt.return_unit) c : unit Lwt.t));
      refused "recv at once" (fun () -> ignore (Channel.recv filled : int option Lwt.t));
      refused "send at once" (fun () -> ignore (Channel.send filled 2 : unit Lwt.t));
      if Channel.try_send c 2 <> `Sent then failures := "try_send" :: !failures;
      if Channel.length c <> 1 || Channel.is_closed c then
        failures := "length" :: !failures;
      if Channel.try_recv c <> `Empty then failures := "try_recv" :: !failures;
      Channel.close c
    in
    Thread.join (Thread.create body ());
    Expect.string "on the thread" "" (String.concat " " !failures);
    Expect.that "the calls had no effect" (contents filled = [ 1 ]);
    let* () = received "from the thread" (Some 2) waiting in
    received "closed by the thread" None (Channel.recv c)

  (* Finalisers run at allocations: this test finds one that runs while the lock is held. *)
  let finalisers () =
    let c = Channel.create ~capacity:3 in
    let runs = ref 0 in
    let finalise _ =
      incr runs;
      match Channel.try_recv c with
      | `Received x -> if Channel.try_send c x <> `Sent then Expect.failf "no room"
      | `Empty | `Closed -> ()
    in
    let rec go n =
      if n = 0 then Lwt.return_unit
      else (
        Gc.finalise_last (fun () -> finalise ()) (ref n);
        let wait = if n mod 2 = 0 then Lwt.pause () else Lwt.return_unit in
        let waiting = Channel.recv c in
        let* () = wait and* () = Channel.send c n and* () = Channel.send c n in
        let* (_ : int option) = waiting and* (_ : int option) = Channel.recv c in
        go (n - 1))
    in
    let* () = go 5_000 in
    Gc.minor ();
    Expect.that "finalisers ran" (!runs > 0);
    Lwt.return_unit

  let suites =
    let in_representation (place, tests) = (place ^ ", " ^ C.name, tests) in
    List.map in_representation
    @@ suites
         [
           case "capacity, length, try_send and try_recv" capacities;
           case "the order is kept" order;
           case "an operation that need not wait is resolved at once" resolved_at_once;
           case "a full channel makes senders wait, in their order" full;
           case "no call overtakes a receiver that was notified" reserved;
           case "close refuses senders and keeps the elements" close;
           case "close resolves receivers that wait" close_with_receivers;
           case "close waits for a receiver that was notified" close_with_reservation;
           case "a cancelled receiver passes its element on" cancelled_receivers;
           case "a cancelled sender is withdrawn, or had sent" cancelled_senders;
           case "pick between channels" pick;
           case "iter" iter;
           case "iter yields to the loop" iter_is_fair;
           case "promises are resolved in the loop, not in the call" resolved_in_the_loop;
           case "from a thread that is not the loop's" systhreads;
           alone "in a finaliser, at any time" finalisers;
         ]
end
