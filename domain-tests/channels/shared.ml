open Lwt.Syntax
open Everywhere
module Channel = Lwt_interop.Channel

let received = Single_domain.received
let contents = Single_domain.contents
let run_loop = Single_domain.run_loop
let share c = ignore (Rust.channel_share c : int)
let share_channels c = ignore (Rust.channel_share_channels c : int)

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

(* ---- channels in channels *)

let channel_of elements =
  let c = Channel.create ~capacity:10 in
  List.iter (fun x -> Expect.that "sent" (Channel.try_send c x = `Sent)) elements;
  c

let in_channels () =
  let c = Channel.create ~capacity:10 in
  let inner = List.init 8 (fun i -> channel_of [ 10 * i ]) in
  let nth = List.nth inner in
  let* () = Channel.send c (nth 0) in
  let* () = Channel.send c (nth 1) in
  Expect.int "two" 2 (Rust.channel_share_channels c);
  (* Each is new to Rust. *)
  let* () = Channel.send c (nth 2) in
  let* () = Channel.send_all c [| nth 3; nth 4; nth 3 |] in
  Expect.that "not full" (Channel.try_send c (nth 5) = `Sent);
  (* Two that wait. *)
  let* () = Channel.send_all c (Array.of_list (List.map nth [ 0; 1; 2 ])) in
  let waiting = Channel.send c (nth 6) and all = Channel.send_all c [| nth 7; nth 0 |] in
  let* back = Channel.recv c in
  Channel.close (nth 1);
  let numbered = Rust.channel_number_channels c in
  let* () = waiting and* () = all in
  Channel.close c;
  let* () = numbered in
  Expect.that "the same channel" (contents (Option.get back) = [ 0; 6; 11 ]);
  Expect.that "closed" (contents (nth 1) = [ 10 ]);
  Expect.that "in their order"
    (List.map (fun i -> contents (nth i)) [ 2; 3; 4; 5; 6; 7 ]
    = [ [ 20; 1; 8 ]; [ 30; 2; 4 ]; [ 40; 3 ]; [ 50; 5 ]; [ 60; 9 ]; [ 70; 10 ] ]);
  Lwt.return_unit

let refused_in_channels () =
  let bytes = Channel.create ~capacity:1 in
  share bytes;
  let c : int Channel.t Channel.t = Channel.create ~capacity:2 in
  let other : int Channel.t = Channel.create ~capacity:1 in
  Expect.int "of another type" 0 (Rust.channel_share_bytes other);
  let* () = Channel.send c bytes in
  let* () = Channel.send c other in
  let e = Expect.raised "shared" (fun () -> Rust.channel_share_channels c) in
  invalid "shared" [ "channel_share_channels: argument 1"; "element 1"; "Channel<u8>" ] e;
  let* first = Channel.recv c and* second = Channel.recv c in
  Expect.that "the channel stays" (Option.get first == bytes && Option.get second == other);
  share_channels c;
  let* e = Expect.rejected "sent" (Channel.send c other) in
  invalid "sent" [ "Channel<ocaml_lwt_interop"; "Channel<u8>" ] e;
  let* () = Channel.send c bytes in
  received "the good one" (Some true)
    (Lwt.map (Option.map (fun found -> Channel.capacity found = 1)) (Channel.recv c))

let within_itself () =
  let make inner =
    let c = Channel.create ~capacity:2 in
    Option.iter (fun inner -> assert (Channel.try_send c { Rust.inner } = `Sent)) inner;
    c
  in
  let self = make None in
  Expect.that "sent to itself" (Channel.try_send self { inner = self } = `Sent);
  let refused c =
    invalid "within itself"
      [ "channel_share_ouroboros: argument 1"; "element of itself"; "16 levels" ]
      (Expect.raised "within itself" (fun () -> Rust.channel_share_ouroboros c))
  in
  refused self;
  Expect.that "there is room" (Channel.try_send self { inner = make None } = `Sent);
  refused self;
  let* first = Channel.recv self in
  Expect.that "it is OCaml's still" ((Option.get first).inner == self);
  Expect.int "not any more" 1 (Rust.channel_share_ouroboros self);
  (* As deep as that. *)
  let rec deep n = if n = 1 then make None else make (Some (deep (n - 1))) in
  Expect.int "16 levels" 1 (Rust.channel_share_ouroboros (deep 16));
  let rec innermost n c =
    if n = 0 then Lwt.return c
    else
      let* next = Channel.recv c in
      let next = (Option.get next).Rust.inner in
      let* () = Channel.send c { inner = next } in
      innermost (n - 1) next
  in
  let outer = deep 17 in
  refused outer;
  let* inner = innermost 8 outer in
  Expect.int "the inner ones" 1 (Rust.channel_share_ouroboros inner);
  Expect.int "then the outer ones" 1 (Rust.channel_share_ouroboros outer);
  Lwt.return_unit

(* ---- sinks *)

let forwarded () =
  let n = 1_000 in
  let one (what, forward) =
    let c = Channel.create ~capacity:3 in
    let sent = forward c n in
    let rec go expected =
      Expect.that "no more than its capacity" (Channel.length c <= 3);
      let* x = Channel.recv c in
      match x with
      | Some x ->
          Expect.int what expected x;
          go (expected + 1)
      | None -> Lwt.return expected
    in
    let* count = go 0 in
    Expect.int "all, and the end" n count;
    let* sent = sent in
    Expect.that "nothing was refused" sent;
    (* OCaml closes the channel. *)
    let c = Channel.create ~capacity:3 in
    let sent = forward c max_int in
    let* () = received "the first" (Some 0) (Channel.recv c) in
    Channel.close c;
    let* sent = sent in
    Expect.that "refused" (not sent);
    Lwt.return_unit
  in
  Lwt_list.iter_s one
    [ ("tokio", Rust.channel_forward); ("the domain", Rust.channel_forward_here) ]

(* The sink of a task that is cancelled withdraws its element. *)
let forward_is_cancelled () =
  let c = Channel.create ~capacity:2 in
  let sent = Rust.channel_forward_here c 100 in
  let* () = Expect.eventually (fun () -> Channel.length c = 2) in
  let behind = Channel.send c 200 in
  Lwt.cancel sent;
  let* () = Expect.cancelled "forward" sent in
  Expect.that "open" (not (Channel.is_closed c));
  let* () = received "the first" (Some 0) (Channel.recv c) in
  let* () = behind in
  Expect.that "in order" (contents c = [ 1; 200 ]);
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
      case "channels within channels" in_channels;
      case "channels within channels that are refused" refused_in_channels;
      case "a channel within itself" within_itself;
      case "a stream that is forwarded to a sink" forwarded;
      case "forward is cancelled" forward_is_cancelled;
      case "with tasks of Rust's" with_tasks;
    ]
  |> List.map (fun (place, tests) -> ("Rust and OCaml, " ^ place, tests))
  |> List.cons
       ("Rust and OCaml", [ plain "passed to Rust while domains use it" shared_meanwhile ])
