module Channel = Lwt_interop.Channel

(* None of them waits for another domain. *)
type step =
  | Send of int  (** so many, at once *)
  | Send_cancelled of int  (** after so many pauses *)
  | Try_send
  | Recv of int
  | Recv_cancelled of int
  | Recv_or_pause of int  (** with [Lwt.pick] *)
  | Try_recv
  | Pause of int
  | Spin of int
  | Close

type scenario = { capacity : int; parts : (Crew.life * step list) list }

(* ---- scenarios *)

let show_step = function
  | Send n -> Printf.sprintf "send %d" n
  | Send_cancelled n -> Printf.sprintf "send_cancelled %d" n
  | Try_send -> "try_send"
  | Recv n -> Printf.sprintf "recv %d" n
  | Recv_cancelled n -> Printf.sprintf "recv_cancelled %d" n
  | Recv_or_pause n -> Printf.sprintf "recv_or_pause %d" n
  | Try_recv -> "try_recv"
  | Pause n -> Printf.sprintf "pause %d" n
  | Spin n -> Printf.sprintf "spin %d" n
  | Close -> "close"

let show s =
  let part (life, steps) =
    Printf.sprintf "\n  %s: %s" (Crew.show_life life)
      (String.concat ", " (List.map show_step steps))
  in
  Printf.sprintf "capacity %d%s" s.capacity (String.concat "" (List.map part s.parts))

let gen =
  let open QCheck.Gen in
  let few = int_range 1 4 in
  let step =
    frequency
      [
        (6, map (fun n -> Send n) few);
        (3, map (fun n -> Send_cancelled n) (int_range 0 3));
        (2, return Try_send);
        (6, map (fun n -> Recv n) few);
        (3, map (fun n -> Recv_cancelled n) (int_range 0 3));
        (3, map (fun n -> Recv_or_pause n) few);
        (2, return Try_recv);
        (6, map (fun n -> Pause n) few);
        (3, map (fun n -> Spin n) (int_range 1 2000));
      ]
  in
  let steps =
    let* steps = list_size (int_range 0 20) step in
    (* One in eight closes, at some time. *)
    let* at = int_range 0 (8 * 20) in
    return
      (List.concat (List.mapi (fun i s -> if i = at then [ Close; s ] else [ s ]) steps))
  in
  let* capacity = int_range 1 4 in
  let* parts = list_size (int_range 2 4) (pair Crew.gen_life steps) in
  return { capacity; parts }

let shrink s =
  let open QCheck.Iter in
  let part (life, steps) = map (fun l -> (life, l)) (QCheck.Shrink.list_spine steps) in
  map (fun parts -> { s with parts }) (QCheck.Shrink.list ~shrink:part s.parts)

(* ---- what happens *)

type what = Sending of int | Receiving

type operation = {
  what : what;
  may_be_cancelled : bool;
  (* Whether an element went in, or came out. *)
  went : bool Watched.t;
}

(* What a domain does; only [operations] is looked at while it does it. Last first. *)
type player = {
  number : int;
  life : Crew.life;
  mutable id : int;
  operations : operation list Atomic.t;
  mutable sent : int;
  (* Who sent them, and their numbers. *)
  mutable received : (int * int) list;
}

let player number (life, _) =
  { number; life; id = -1; operations = Atomic.make []; sent = 0; received = [] }

let add player ?(may_be_cancelled = false) ?first what p =
  let o = { what; may_be_cancelled; went = Watched.promise ?first p } in
  Atomic.set player.operations (o :: Atomic.get player.operations)

let next player =
  player.sent <- player.sent + 1;
  (player.number, player.sent)

let send player ?may_be_cancelled c =
  let element = next player in
  let p = Channel.send c element in
  add player ?may_be_cancelled (Sending (snd element)) (Lwt.map (fun () -> true) p);
  p

(* Elements are noted when they come, and so in their order. *)
let receive player ?may_be_cancelled p =
  let keep = Option.iter (fun x -> player.received <- x :: player.received) in
  add player ?may_be_cancelled Receiving
    (Lwt.map
       (fun x ->
         keep x;
         Option.is_some x)
       p)

let perform player c = function
  | Send n ->
      for _ = 1 to n do
        ignore (send player c : unit Lwt.t)
      done;
      Lwt.return_unit
  | Send_cancelled n ->
      Crew.cancel_after n (send player ~may_be_cancelled:true c);
      Lwt.return_unit
  | Try_send ->
      let element = next player in
      let sent = Channel.try_send c element = `Sent in
      add player (Sending (snd element)) (Lwt.return sent);
      Lwt.return_unit
  | Recv n ->
      for _ = 1 to n do
        receive player (Channel.recv c)
      done;
      Lwt.return_unit
  | Recv_cancelled n ->
      let p = Channel.recv c in
      receive player ~may_be_cancelled:true p;
      Crew.cancel_after n p;
      Lwt.return_unit
  | Recv_or_pause n ->
      (* An element counts only if it comes out of the pick. *)
      let paused = Lwt.map (fun () -> raise Lwt.Canceled) (Crew.pauses n) in
      receive player ~may_be_cancelled:true (Lwt.pick [ Channel.recv c; paused ]);
      Lwt.return_unit
  | Try_recv ->
      (match Channel.try_recv c with
      | `Received x -> player.received <- x :: player.received
      | `Empty | `Closed -> ());
      Lwt.return_unit
  | Pause n -> Crew.pauses n
  | Spin n ->
      Crew.spin n;
      Lwt.return_unit
  | Close ->
      Channel.close c;
      Lwt.return_unit

(* ---- what has to hold *)

let operations players =
  List.concat_map (fun p -> List.map (fun o -> (p, o)) (Atomic.get p.operations)) players

let somebody_waits players which =
  List.exists
    (fun (_, o) -> which o.what && Option.is_none (Watched.result o.went))
    (operations players)

(* Nobody waits for what is there. *)
let at_rest c players () =
  let closed = Channel.is_closed c and length = Channel.length c in
  let receivers = somebody_waits players (( = ) Receiving) in
  let senders = somebody_waits players (( <> ) Receiving) in
  ((not receivers) || (length = 0 && not closed))
  && ((not senders) || (length = Channel.capacity c && not closed))

let check_operation (player, o) =
  let name =
    match o.what with
    | Sending k -> Printf.sprintf "send %d of %d" k player.number
    | Receiving -> Printf.sprintf "a recv of %d" player.number
  in
  match Watched.final name o.went with
  | Ok _ -> ()
  | Error Channel.Closed when o.what <> Receiving -> ()
  | Error Lwt.Canceled when o.may_be_cancelled -> ()
  | Error (Lwt_interop.Domain_terminated id)
    when player.life = Crew.Leaves && id = player.id ->
      ()
  | Error e -> Model.fail "%s: %s" name (Printexc.to_string e)

let sent players =
  List.filter_map
    (fun (player, o) ->
      match (o.what, Watched.result o.went) with
      | Sending k, Some (Ok true) -> Some (player.number, k)
      | _ -> None)
    (operations players)

let rec is_sorted = function
  | (a : int) :: (b :: _ as rest) -> a < b && is_sorted rest
  | [ _ ] | [] -> true

let check_order players received =
  List.iter
    (fun p ->
      let numbers =
        List.filter_map (fun (n, k) -> if n = p.number then Some k else None) received
      in
      if not (is_sorted numbers) then
        Model.fail "the elements of %d came in the order %s" p.number
          (String.concat ", " (List.map string_of_int numbers)))
    players

let drain c =
  let rec go found =
    match Channel.try_recv c with
    | `Received x -> go (x :: found)
    | `Closed -> List.rev found
    | `Empty -> Model.fail "an element is for nobody"
  in
  go []

let holds s =
  let c = Channel.create ~capacity:s.capacity in
  let players = List.mapi player s.parts in
  let part player (life, steps) =
    ( life,
      fun () ->
        player.id <- (Domain.self () :> int);
        Lwt_list.iter_s (perform player c) steps )
  in
  let crew = Crew.muster (List.map2 part players s.parts) in
  let rounds = 10 + List.length (operations players) in
  let rest =
    Fun.protect
      ~finally:(fun () -> Crew.dismiss crew)
      (fun () ->
        if not (Crew.settles crew ~rounds (at_rest c players)) then
          Model.fail "somebody waits, with %d elements in it" (Channel.length c);
        Channel.close c;
        let all_know () = not (somebody_waits players (fun _ -> true)) in
        if not (Crew.settles crew ~rounds all_know) then
          Model.fail "somebody waits, though it is closed";
        drain c)
  in
  List.iter (Model.fail "nobody handled %s") (Crew.hooked crew);
  List.iter check_operation (operations players);
  let received = rest :: List.map (fun p -> List.rev p.received) players in
  List.iter (check_order players) received;
  let sent = List.sort compare (sent players)
  and received = List.sort compare (List.concat received) in
  if sent <> received then
    Model.fail "%d elements went in, and %d came out, or not the same" (List.length sent)
      (List.length received)

let tests =
  [ Crew.test ~count:60 ~name:"Channel: domains come and go" ~show ~shrink gen holds ]
