module Channel = Lwt_interop.Channel

(* No step waits for another domain. *)
type step =
  | Send of int  (** This many elements, without waiting in between. *)
  | Send_cancelled of int  (** After this many pauses. *)
  | Try_send
  | Recv of int
  | Recv_cancelled of int
  | Recv_or_pause of int  (** With [Lwt.pick]. *)
  | Try_recv
  | Send_all of int
  | Recv_many of int
  | Share  (** With Rust. *)
  | Pause of int
  | Spin of int
  | Close

type scenario = { capacity : int; parts : (Workers.life * step list) list }

(* ---- scenarios *)

let show_step = function
  | Send n -> Printf.sprintf "send %d" n
  | Send_cancelled n -> Printf.sprintf "send_cancelled %d" n
  | Try_send -> "try_send"
  | Recv n -> Printf.sprintf "recv %d" n
  | Recv_cancelled n -> Printf.sprintf "recv_cancelled %d" n
  | Recv_or_pause n -> Printf.sprintf "recv_or_pause %d" n
  | Try_recv -> "try_recv"
  | Send_all n -> Printf.sprintf "send_all %d" n
  | Recv_many n -> Printf.sprintf "recv_many %d" n
  | Share -> "share"
  | Pause n -> Printf.sprintf "pause %d" n
  | Spin n -> Printf.sprintf "spin %d" n
  | Close -> "close"

let show s =
  let part (life, steps) =
    Printf.sprintf "\n  %s: %s" (Workers.show_life life)
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
        (2, map (fun n -> Send_all n) (int_range 1 6));
        (3, map (fun n -> Recv_many n) few);
        (1, return Share);
        (6, map (fun n -> Pause n) few);
        (3, map (fun n -> Spin n) (int_range 1 2000));
      ]
  in
  let steps =
    let* steps = list_size (int_range 0 20) step in
    (* One part in eight closes the channel, at some point. *)
    let* at = int_range 0 (8 * 20) in
    return
      (List.concat (List.mapi (fun i s -> if i = at then [ Close; s ] else [ s ]) steps))
  in
  let* capacity = int_range 1 4 in
  let* parts = list_size (int_range 2 4) (pair Workers.gen_life steps) in
  return { capacity; parts }

let shrink s =
  let open QCheck.Iter in
  let part (life, steps) = map (fun l -> (life, l)) (QCheck.Shrink.list_spine steps) in
  map (fun parts -> { s with parts }) (QCheck.Shrink.list ~shrink:part s.parts)

(* ---- running a scenario *)

type kind =
  | Sending of int
  | Sending_in_batch of int  (** If it is rejected, the element may have been sent. *)
  | Receiving

type operation = {
  kind : kind;
  may_be_cancelled : bool;
  (* [true] if an element entered or left the channel. *)
  moved : bool Watched.t;
}

(* A domain that carries out a part. Only this domain uses the record until the part is done, apart
   from [operations]. Lists have the last one first. *)
type participant = {
  number : int;
  life : Workers.life;
  mutable id : int;
  operations : operation list Atomic.t;
  mutable sent : int;
  (* The senders' numbers, and the elements' numbers. *)
  mutable received : (int * int) list;
}

let participant number (life, _) =
  { number; life; id = -1; operations = Atomic.make []; sent = 0; received = [] }

let add participant ?(may_be_cancelled = false) ?first kind p =
  let o = { kind; may_be_cancelled; moved = Watched.promise ?first p } in
  Atomic.set participant.operations (o :: Atomic.get participant.operations)

let next participant =
  participant.sent <- participant.sent + 1;
  (participant.number, participant.sent)

let send participant ?may_be_cancelled c =
  let element = next participant in
  let p = Channel.send c element in
  add participant ?may_be_cancelled (Sending (snd element)) (Lwt.map (fun () -> true) p);
  p

(* Elements are recorded when they are received, and so in their order. *)
let receive participant ?may_be_cancelled p =
  let keep = Option.iter (fun x -> participant.received <- x :: participant.received) in
  add participant ?may_be_cancelled Receiving
    (Lwt.map
       (fun x ->
         keep x;
         Option.is_some x)
       p)

let perform participant c = function
  | Send n ->
      for _ = 1 to n do
        ignore (send participant c : unit Lwt.t)
      done;
      Lwt.return_unit
  | Send_cancelled n ->
      Workers.cancel_after n (send participant ~may_be_cancelled:true c);
      Lwt.return_unit
  | Try_send ->
      let element = next participant in
      let sent = Channel.try_send c element = `Sent in
      add participant (Sending (snd element)) (Lwt.return sent);
      Lwt.return_unit
  | Recv n ->
      for _ = 1 to n do
        receive participant (Channel.recv c)
      done;
      Lwt.return_unit
  | Recv_cancelled n ->
      let p = Channel.recv c in
      receive participant ~may_be_cancelled:true p;
      Workers.cancel_after n p;
      Lwt.return_unit
  | Recv_or_pause n ->
      (* An element is received only if the pick is fulfilled with it. *)
      let paused = Lwt.map (fun () -> raise Lwt.Canceled) (Workers.pauses n) in
      receive participant ~may_be_cancelled:true (Lwt.pick [ Channel.recv c; paused ]);
      Lwt.return_unit
  | Try_recv ->
      (match Channel.try_recv c with
      | `Received x -> participant.received <- x :: participant.received
      | `Empty | `Closed -> ());
      Lwt.return_unit
  | Send_all n ->
      let elements = Array.init n (fun _ -> next participant) in
      let p = Channel.send_all c elements in
      Array.iter
        (fun (_, k) -> add participant (Sending_in_batch k) (Lwt.map (fun () -> true) p))
        elements;
      Lwt.return_unit
  | Recv_many n ->
      let p = Channel.recv_many ~max:n c in
      add participant Receiving
        (Lwt.map
           (fun xs ->
             Array.iter (fun x -> participant.received <- x :: participant.received) xs;
             xs <> [||])
           p);
      Lwt.return_unit
  | Share ->
      ignore (Rust.channel_share_pairs c : int);
      Lwt.return_unit
  | Pause n -> Workers.pauses n
  | Spin n ->
      Workers.spin n;
      Lwt.return_unit
  | Close ->
      Channel.close c;
      Lwt.return_unit

(* ---- checks *)

let operations participants =
  List.concat_map
    (fun p -> List.map (fun o -> (p, o)) (Atomic.get p.operations))
    participants

let any_waits participants which =
  List.exists
    (fun (_, o) -> which o.kind && Option.is_none (Watched.result o.moved))
    (operations participants)

(* No receiver waits while there are elements, and no sender while there is room. *)
let is_at_rest c participants () =
  let closed = Channel.is_closed c and length = Channel.length c in
  let receivers = any_waits participants (( = ) Receiving) in
  let senders = any_waits participants (( <> ) Receiving) in
  ((not receivers) || (length = 0 && not closed))
  && ((not senders) || (length >= Channel.capacity c && not closed))

let check_operation (participant, o) =
  let name =
    match o.kind with
    | Sending k | Sending_in_batch k ->
        Printf.sprintf "send %d of %d" k participant.number
    | Receiving -> Printf.sprintf "a recv of %d" participant.number
  in
  match Watched.final name o.moved with
  | Ok _ -> ()
  | Error Channel.Closed when o.kind <> Receiving -> ()
  | Error Lwt.Canceled when o.may_be_cancelled -> ()
  | Error (Lwt_interop.Domain_terminated id)
    when participant.life = Workers.Leaves && id = participant.id ->
      ()
  | Error e -> Model.fail "%s: %s" name (Printexc.to_string e)

(* The elements that were sent, and those that may have been. *)
let sent participants =
  List.partition_map
    (fun (participant, o) ->
      let element k = (participant.number, k) in
      match (o.kind, Watched.result o.moved) with
      | (Sending k | Sending_in_batch k), Some (Ok true) -> Left (Some (element k))
      | Sending_in_batch k, Some (Error _) -> Right (Some (element k))
      | _ -> Right None)
    (operations participants)
  |> fun (sent, maybe) -> (List.filter_map Fun.id sent, List.filter_map Fun.id maybe)

let rec is_sorted = function
  | (a : int) :: (b :: _ as rest) -> a < b && is_sorted rest
  | [ _ ] | [] -> true

let check_order participants received =
  List.iter
    (fun p ->
      let numbers =
        List.filter_map (fun (n, k) -> if n = p.number then Some k else None) received
      in
      if not (is_sorted numbers) then
        Model.fail "the elements of %d were received in the order %s" p.number
          (String.concat ", " (List.map string_of_int numbers)))
    participants

let drain c =
  let rec go found =
    match Channel.try_recv c with
    | `Received x -> go (x :: found)
    | `Closed -> List.rev found
    | `Empty -> Model.fail "an element is reserved, and no receiver is left"
  in
  go []

let check s =
  let c = Channel.create ~capacity:s.capacity in
  let participants = List.mapi participant s.parts in
  let part participant (life, steps) =
    ( life,
      fun () ->
        participant.id <- (Domain.self () :> int);
        Lwt_list.iter_s (perform participant c) steps )
  in
  let workers = Workers.start (List.map2 part participants s.parts) in
  let rounds = 10 + List.length (operations participants) in
  let rest =
    Fun.protect
      ~finally:(fun () -> Workers.stop workers)
      (fun () ->
        if not (Workers.eventually workers ~rounds (is_at_rest c participants)) then
          Model.fail "a promise is pending, with %d elements in the channel"
            (Channel.length c);
        Channel.close c;
        let all_resolved () = not (any_waits participants (fun _ -> true)) in
        if not (Workers.eventually workers ~rounds all_resolved) then
          Model.fail "a promise is pending, although the channel is closed";
        drain c)
  in
  List.iter (Model.fail "unhandled exception: %s") (Workers.unhandled workers);
  List.iter check_operation (operations participants);
  let received = rest :: List.map (fun p -> List.rev p.received) participants in
  List.iter (check_order participants) received;
  let sent, maybe = sent participants in
  let is_known x = List.mem x sent || not (List.mem x maybe) in
  let sent = List.sort compare sent
  and received = List.sort compare (List.filter is_known (List.concat received)) in
  if sent <> received then
    Model.fail "%d elements were sent and %d received, or not the same ones"
      (List.length sent) (List.length received)

let tests =
  [
    Workers.test ~count:60 ~name:"Channel: used while domains start and terminate" ~show
      ~shrink gen check;
  ]
