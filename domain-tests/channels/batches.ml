open Lwt.Syntax
open Everywhere

let received = Single_domain.received
let contents = Single_domain.contents
let numbers n = Array.init n Fun.id

module Make (C : Representation.S) = struct
  module Channel = struct
    include Lwt_interop.Channel

    let create = C.create
  end

  let at_once () =
    let c = Channel.create ~capacity:5 in
    Expect.that "nothing" (Lwt.state (Channel.send_all c [||]) = Lwt.Return ());
    Expect.that "some" (Lwt.state (Channel.send_all c (numbers 3)) = Lwt.Return ());
    Expect.that "what there is" (Lwt.state (Channel.recv_many c) = Lwt.Return (numbers 3));
    Expect.that "around the end"
      (Lwt.state (Channel.send_all c (numbers 5)) = Lwt.Return ());
    Expect.that "at most max"
      (Lwt.state (Channel.recv_many ~max:2 c) = Lwt.Return [| 0; 1 |]);
    Expect.that "the others" (contents c = [ 2; 3; 4 ]);
    let e = Expect.raised "max" (fun () -> Channel.recv_many ~max:0 c) in
    Expect.that "refused" (match e with Invalid_argument _ -> true | _ -> false);
    Channel.close c;
    Expect.that "closed" (Lwt.state (Channel.recv_many c) = Lwt.Return [||]);
    let* e = Expect.rejected "closed" (Channel.send_all c (numbers 1)) in
    Expect.that "closed" (e = Channel.Closed);
    Lwt.return_unit

  (* More elements than there is room for, and batches of each size. *)
  let larger_than_the_channel () =
    let n = 100 in
    let check capacity max =
      let c = Channel.create ~capacity in
      let sent = Channel.send_all c (numbers n) in
      let rec go so_far =
        let* xs = Channel.recv_many ~max c in
        Expect.that "a batch" (Array.length xs >= 1 && Array.length xs <= max);
        let so_far = Array.append so_far xs in
        if Array.length so_far < n then go so_far else Lwt.return so_far
      in
      let* all = go [||] in
      Expect.that "all, in order" (all = numbers n);
      sent
    in
    Lwt_list.iter_s
      (fun capacity -> Lwt_list.iter_s (check capacity) [ 1; 2; 7; 1000 ])
      [ 1; 2; 3; 64; 100 ]

  let waiting_receivers () =
    let c = Channel.create ~capacity:10 in
    let first = Channel.recv_many ~max:3 c in
    let second = Channel.recv c in
    let third = Channel.recv_many c in
    let* () = Channel.send_all c (numbers 5) in
    Expect.that "all are reserved, or behind them" (Lwt.is_sleeping first);
    let* a = first in
    let* b = second in
    let* rest = third in
    Expect.that "one for each at least"
      (Array.concat [ a; [| Option.get b |]; rest ]
      |> Array.to_list |> List.sort compare = [ 0; 1; 2; 3; 4 ]);
    Expect.that "in order" (a.(0) = 0);
    let last = Channel.recv_many c in
    Channel.close c;
    received "closed" [||] last

  let cancelled () =
    let c = Channel.create ~capacity:3 in
    let first = Channel.recv_many c and second = Channel.recv_many c in
    let* () = Channel.send_all c [| 1; 2; 3 |] in
    Lwt.cancel first;
    let* () = Expect.cancelled "the first" first in
    let* xs = second in
    let rest = contents c in
    Expect.that "nothing is lost" (Array.to_list xs @ rest = [ 1; 2; 3 ]);
    (* A sender of which some elements are in the channel. *)
    let sent = Channel.send_all c (numbers 8) in
    let behind = Channel.send c 100 in
    let* xs = Channel.recv_many ~max:2 c in
    Expect.that "first" (xs = [| 0; 1 |]);
    Lwt.cancel sent;
    let* () = Expect.cancelled "the sender" sent in
    let* xs = Channel.recv_many c in
    Expect.that "those that were in the channel" (xs = [| 2; 3; 4 |]);
    let* () = behind in
    Expect.that "the one behind" (contents c = [ 100 ]);
    (* One that was accepted is not cancelled. *)
    let* () = Channel.send_all c (numbers 3) in
    let sent = Channel.send_all c [| 3; 4 |] in
    let* xs = Channel.recv_many c in
    Expect.that "three" (xs = numbers 3);
    Lwt.cancel sent;
    let* () = sent in
    Expect.that "the others" (contents c = [ 3; 4 ]);
    Lwt.return_unit

  let closed () =
    let c = Channel.create ~capacity:2 in
    let sent = Channel.send_all c (numbers 5) in
    Channel.close c;
    let* e = Expect.rejected "closed" sent in
    Expect.that "closed" (e = Channel.Closed);
    let* xs = Channel.recv_many c in
    Expect.that "the first" (xs = [| 0; 1 |]);
    received "the end" [||] (Channel.recv_many c)

  (* Two domains send batches, two receive batches. *)
  let between_domains () =
    let senders = 2 and receivers = 2 and n = 3_000 in
    let check capacity batch =
      let c = C.create_pairs ~capacity in
      let sending = Atomic.make senders in
      let seen = Array.make receivers [] in
      on_domains (senders + receivers) (fun i ->
          if i < senders then (
            let rec go k =
              if k >= n then Lwt.return_unit
              else
                let m = min batch (n - k) in
                let* () = Channel.send_all c (Array.init m (fun j -> (i, k + j))) in
                go (k + m)
            in
            let* () = go 0 in
            if Atomic.fetch_and_add sending (-1) = 1 then Channel.close c;
            Lwt.return_unit)
          else
            let mine = ref [] in
            let rec go () =
              let* xs = Channel.recv_many ~max:batch c in
              if xs = [||] then Lwt.return_unit
              else (
                Array.iter (fun x -> mine := x :: !mine) xs;
                go ())
            in
            let* () = go () in
            seen.(i - senders) <- List.rev !mine;
            Lwt.return_unit);
      let of_sender i l =
        List.filter_map (fun (j, k) -> if i = j then Some k else None) l
      in
      for i = 0 to senders - 1 do
        let each = Array.to_list (Array.map (of_sender i) seen) in
        List.iter
          (fun l -> Expect.that "each receiver's in order" (List.sort compare l = l))
          each;
        Expect.that "each once" (List.sort compare (List.concat each) = List.init n Fun.id)
      done
    in
    List.iter (fun (c, b) -> check c b) [ (1, 1); (1, 5); (16, 64); (1_000, 64); (64, 7) ]

  let suites =
    let in_representation (place, tests) = ("batches, " ^ place ^ ", " ^ C.name, tests) in
    List.map in_representation
      (suites
         [
           case "without waiting" at_once;
           case "larger than the channel" larger_than_the_channel;
           case "receivers that wait" waiting_receivers;
           case "cancelled" cancelled;
           case "closed" closed;
         ])
    @ [
        ( "batches between domains, " ^ C.name,
          [ plain "each element once, in each sender's order" between_domains ] );
      ]
end
