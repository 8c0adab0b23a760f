open Lwt.Syntax
open Everywhere
module Channel = Lwt_interop.Channel

let received = Single_domain.received
let contents = Single_domain.contents
let run_loop = Single_domain.run_loop
let share c = ignore (Rust.channel_share c : int)

let invalid what parts = function
  | Invalid_argument text -> List.iter (fun part -> Expect.contains what ~part text) parts
  | e -> Expect.failf "%s: %s" what (Printexc.to_string e)

let elements_move () =
  let c = Channel.create ~capacity:5 in
  (* Around the end of the ring. *)
  Expect.that "sent" (Channel.try_send c 0 = `Sent);
  let* () = Channel.send_all c [| 1; 2; 3; 4 |] in
  let* () = received "the first" (Some 0) (Channel.recv c) in
  let* () = Channel.send c 5 in
  Expect.int "length" 5 (Rust.channel_share c);
  Expect.int "again" 5 (Rust.channel_share c);
  Expect.int "capacity" 5 (Channel.capacity c);
  Expect.that "full" (Channel.try_send c 6 = `Full);
  Expect.that "the order is kept" (contents c = [ 1; 2; 3; 4; 5 ]);
  let back = Rust.echo_channel c in
  let* () = Channel.send back 7 in
  received "the same channel" (Some 7) (Channel.recv c)

let waiters_move () =
  let c = Channel.create ~capacity:2 in
  let first = Channel.recv c and second = Channel.recv c in
  let many = Channel.recv_many c and cancelled = Channel.recv c in
  (* Notified, before it takes its element. *)
  Expect.that "sent" (Channel.try_send c 1 = `Sent);
  Expect.int "it is in the channel" 1 (Rust.channel_share c);
  Lwt.cancel cancelled;
  let* () = Expect.cancelled "cancelled" cancelled in
  let* () = run_loop () in
  let* () = run_loop () in
  let* () = Channel.send_all c [| 2; 3 |] in
  let* first = first and* second = second and* many = many in
  let all = (Option.get first :: Option.get second :: Array.to_list many) @ contents c in
  Expect.that "each once" (List.sort compare all = [ 1; 2; 3 ]);
  let c = Channel.create ~capacity:1 in
  let sends = List.init 4 (Channel.send c) in
  let all = Channel.send_all c [| 4; 5; 6 |] in
  let* () = received "the first" (Some 0) (Channel.recv c) in
  let cancelled = List.nth sends 2 and moved = List.nth sends 3 in
  Lwt.cancel cancelled;
  let* () = Expect.cancelled "cancelled" cancelled in
  Expect.int "the elements of all senders" 5 (Rust.channel_share c);
  Lwt.cancel moved;
  Expect.that "its element is in the channel" (Lwt.state moved = Lwt.Return ());
  Expect.that "there is no room" (Channel.try_send c 7 = `Full);
  let last = Channel.send c 7 in
  let rec go n =
    if n = 0 then Lwt.return []
    else
      let* x = Channel.recv c in
      let+ rest = go (n - 1) in
      Option.get x :: rest
  in
  let* elements = go 6 in
  Expect.that "in order" (elements = [ 1; 3; 4; 5; 6; 7 ]);
  let* () = all and* () = List.nth sends 1 and* () = last in
  Expect.that "no more" (contents c = []);
  (* Closed, with receivers. *)
  let c = Channel.create ~capacity:1 in
  let waiting = Channel.recv c in
  share c;
  Channel.close c;
  let* () = received "closed" None waiting in
  let c = Channel.create ~capacity:1 in
  let* () = Channel.send c 1 in
  Channel.close c;
  Expect.int "closed before" 1 (Rust.channel_share c);
  Expect.that "still closed" (Channel.is_closed c && Channel.try_send c 2 = `Closed);
  let* () = received "the element" (Some 1) (Channel.recv c) in
  received "the end" None (Channel.recv c)

let refused_elements () =
  let c = Channel.create ~capacity:3 in
  let* () = Channel.send_all c [| 1; 300; 2 |] in
  let waiting = Channel.send c 3 in
  let e = Expect.raised "passed" (fun () -> Rust.channel_share_bytes c) in
  invalid "passed"
    [ "channel_share_bytes: argument 1"; "Channel<u8>"; "element 1"; "300" ]
    e;
  Expect.that "the channel stays" (contents c = [ 1; 300; 2; 3 ]);
  let* () = waiting in
  (* It is a channel of OCaml's still, and of bytes from now on. *)
  Expect.int "empty" 0 (Rust.channel_share_bytes c);
  let* e = Expect.rejected "sent" (Channel.send c 256) in
  invalid "send" [ "Channel<u8>"; "256 does not fit u8" ] e;
  let e = Expect.raised "try_send" (fun () -> Channel.try_send c (-1)) in
  invalid "try_send" [ "Channel<u8>"; "-1" ] e;
  let* e = Expect.rejected "send_all" (Channel.send_all c [| 1; 2; 256 |]) in
  invalid "send_all" [ "Channel<u8>"; "element 2"; "256" ] e;
  let* () = Channel.send c 255 in
  Expect.that "nothing else was sent" (contents c = [ 255 ]);
  let e = Expect.raised "another type" (fun () -> Rust.channel_share c) in
  invalid "another type"
    [ "channel_share: argument 1"; "Channel<isize>"; "Channel<u8>" ]
    e;
  (* A sender that waits, and whose element does not convert. *)
  let c = Channel.create ~capacity:1 in
  let* () = Channel.send c 1 in
  let bad = Channel.send c 256 and good = Channel.send c 2 in
  Expect.int "shared" 2 (Rust.channel_share_bytes c);
  let* e = Expect.rejected "it waited" bad in
  invalid "it waited" [ "Channel<u8>"; "256" ] e;
  let* () = received "the first" (Some 1) (Channel.recv c) in
  let* () = received "the good one" (Some 2) (Channel.recv c) in
  good

let elements_that_do_not_convert_back () =
  let c = Rust.channel_of_large_numbers () in
  let* () = received "small" (Some 1) (Channel.recv c) in
  let* e = Expect.rejected "large" (Channel.recv c) in
  invalid "large" [ "Channel<usize>"; "18446744073709551615" ] e;
  let* xs = Channel.recv_many c in
  Expect.that "those that convert" (xs = [| 2; 3 |]);
  let* e = Expect.rejected "large" (Channel.recv_many c) in
  invalid "large" [ "Channel<usize>"; "18446744073709551614" ] e;
  received "the end" None (Channel.recv c)

let floats () =
  let c = Channel.create ~capacity:4 in
  let* () = Channel.send_all c [| 1.; 2. |] in
  Expect.int "length" 2 (Rust.channel_share_floats c);
  let* () = Channel.send_all c [| 3.; 4. |] in
  let* xs = Channel.recv_many c in
  Expect.that "floats" (xs = [| 1.; 2.; 3.; 4. |]);
  Lwt.return_unit

let nested () =
  let channel n =
    let c = Channel.create ~capacity:4 in
    for i = 1 to n do
      Expect.that "sent" (Channel.try_send c i = `Sent)
    done;
    c
  in
  let cs = List.map channel [ 1; 2; 3 ] in
  let pair =
    match cs with
    | first :: others ->
        { Rust.first = Some first; others = Array.of_list (others @ [ first ]) }
    | [] -> assert false
  in
  let before = String.concat "" [ "be"; "fore" ] in
  let after = String.concat "" [ "af"; "ter" ] in
  Expect.int "all" 7 (Rust.channel_share_nested before pair after);
  Expect.that "elements" (List.map contents cs = [ [ 1 ]; [ 1; 2 ]; [ 1; 2; 3 ] ]);
  Lwt.return_unit

let with_tasks () =
  let n = 2_000 in
  let sum = n * (n - 1) / 2 in
  let send_numbers c batch = Rust.channel_send_numbers c n batch in
  let check what receive batch =
    let c = Channel.create ~capacity:16 in
    let* found = receive c and* () = send_numbers c batch in
    Expect.int what sum found;
    Lwt.return_unit
  in
  let here c =
    let total = ref 0 in
    let+ () = Channel.iter (fun x -> Lwt.return (total := !total + x)) c in
    !total
  in
  let* () = check "OCaml receives" here 1 in
  let* () = check "OCaml receives" here 64 in
  let* () = check "tokio receives" Rust.channel_sum_in_order 5 in
  let* () = check "a task of the domain receives" Rust.channel_sum_here 64 in
  (* OCaml sends. *)
  let c = Channel.create ~capacity:16 in
  let* found = Rust.channel_sum_in_order c
  and* () =
    let* () = Channel.send_all c (Array.init n Fun.id) in
    Channel.close c;
    Lwt.return_unit
  in
  Expect.int "OCaml sends" sum found;
  (* OCaml closes a channel to which Rust sends. *)
  let c = Channel.create ~capacity:1 in
  let sent = Rust.channel_send_numbers c max_int 1 in
  let* () = received "some" (Some 0) (Channel.recv c) in
  Channel.close c;
  let* () = sent in
  (* A Rust receiver that is cancelled passes its element on. *)
  let c = Channel.create ~capacity:1 in
  let first = Rust.channel_recv c in
  let second = Rust.channel_recv c in
  let* () = Channel.send c 1 in
  Lwt.cancel first;
  let* () = Expect.cancelled "the first" first in
  let* () = received "the second" (Some 1) second in
  let* () = received "sent" true (Rust.channel_send c 2) in
  received "OCaml receives" (Some 2) (Channel.recv c)

(* Domains use a channel while it is passed to Rust for the first time. *)
let shared_meanwhile () =
  let n = 300 in
  for round = 1 to 30 do
    let c = Channel.create ~capacity:((round mod 4) + 1) in
    let sending = Atomic.make 2 in
    let seen = Array.make 2 [] in
    on_domains 5 (fun i ->
        if i < 2 then (
          let* () =
            Lwt_list.iter_s (fun k -> Channel.send c ((n * i) + k)) (List.init n Fun.id)
          in
          if Atomic.fetch_and_add sending (-1) = 1 then Channel.close c;
          Lwt.return_unit)
        else if i < 4 then
          let rec go () =
            let* xs = Channel.recv_many ~max:round c in
            seen.(i - 2) <- List.rev_append (Array.to_list xs) seen.(i - 2);
            if xs = [||] then Lwt.return_unit else go ()
          in
          go ()
        else
          let* () = Lwt_list.iter_s Lwt.pause (List.init (round mod 7) ignore) in
          share c;
          Lwt.return_unit);
    let each l =
      let of_sender first = List.filter (fun x -> x / n = first) (List.rev l) in
      List.iter
        (fun first ->
          let mine = of_sender first in
          Expect.that "in each sender's order" (List.sort compare mine = mine))
        [ 0; 1 ]
    in
    Array.iter each seen;
    Expect.that "each once"
      (List.sort compare (seen.(0) @ seen.(1)) = List.init (2 * n) Fun.id)
  done

let suites =
  suites
    [
      case "elements move to Rust, in order" elements_move;
      case "calls that wait go on waiting" waiters_move;
      case "elements that do not convert to Rust" refused_elements;
      case "elements that do not convert to OCaml" elements_that_do_not_convert_back;
      case "floats" floats;
      case "within other values" nested;
      case "with tasks of Rust's" with_tasks;
    ]
  |> List.map (fun (place, tests) -> ("Rust and OCaml, " ^ place, tests))
  |> List.cons
       ("Rust and OCaml", [ plain "passed to Rust while domains use it" shared_meanwhile ])
