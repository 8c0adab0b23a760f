open Lwt.Syntax
module Stream = Lwt_interop.Stream
module Core = Lwt_interop__.Stream_core

(* What happens on the domain of the source, and on that of the consumer. No step waits for the other
   domain. *)
type produce =
  | Answer of int  (** This many elements, in the next answers. *)
  | Answer_after of int  (** Pauses, before the next answer. *)
  | Finish
  | Fail

type consume =
  | Next of int  (** This many calls, without waiting in between. *)
  | Next_batch of int
  | Next_cancelled of int  (** After this many pauses. *)
  | Next_or_pause of int  (** With [Lwt.pick]. *)
  | Pause of int
  | Spin of int
  | Close
  | Collect  (** Drops the stream, and collects. *)

type scenario = {
  producing : Workers.life * produce list;
  consuming : Workers.life * consume list;
  (* The consumer is on the domain of the source. *)
  is_local : bool;
}

let show_produce = function
  | Answer n -> Printf.sprintf "answer %d" n
  | Answer_after n -> Printf.sprintf "answer_after %d" n
  | Finish -> "finish"
  | Fail -> "fail"

let show_consume = function
  | Next n -> Printf.sprintf "next %d" n
  | Next_batch n -> Printf.sprintf "next_batch %d" n
  | Next_cancelled n -> Printf.sprintf "next_cancelled %d" n
  | Next_or_pause n -> Printf.sprintf "next_or_pause %d" n
  | Pause n -> Printf.sprintf "pause %d" n
  | Spin n -> Printf.sprintf "spin %d" n
  | Close -> "close"
  | Collect -> "collect"

let show s =
  let part show (life, steps) =
    Printf.sprintf "\n  %s: %s" (Workers.show_life life)
      (String.concat ", " (List.map show steps))
  in
  (if s.is_local then "one domain" else "two domains")
  ^ part show_produce s.producing ^ part show_consume s.consuming

let gen =
  let open QCheck.Gen in
  let few = int_range 1 4 in
  let produce =
    frequency
      [
        (8, map (fun n -> Answer n) (int_range 1 9));
        (4, map (fun n -> Answer_after n) (int_range 0 4));
      ]
  in
  let consume =
    frequency
      [
        (6, map (fun n -> Next n) few);
        (3, map (fun n -> Next_batch n) few);
        (5, map (fun n -> Next_cancelled n) (int_range 0 4));
        (3, map (fun n -> Next_or_pause n) few);
        (5, map (fun n -> Pause n) few);
        (2, map (fun n -> Spin n) (int_range 1 2000));
      ]
  in
  let with_end ends steps =
    let* end_ = frequency ends in
    return (steps @ end_)
  in
  let* produced = list_size (int_range 0 20) produce in
  let* produced =
    with_end [ (2, return [ Finish ]); (1, return [ Fail ]); (1, return []) ] produced
  in
  let* consumed = list_size (int_range 0 20) consume in
  let* consumed =
    with_end [ (2, return []); (1, return [ Close ]); (1, return [ Collect ]) ] consumed
  in
  let* a = Workers.gen_life and* b = Workers.gen_life in
  let* is_local = bool in
  return { producing = (a, produced); consuming = (b, consumed); is_local }

let shrink s =
  let open QCheck.Iter in
  let part (life, steps) = map (fun l -> (life, l)) (QCheck.Shrink.list_spine steps) in
  map (fun producing -> { s with producing }) (part s.producing)
  <+> map (fun consuming -> { s with consuming }) (part s.consuming)

(* ---- the source *)

exception Broken

type source = {
  (* Of the domain of the source. *)
  mutable steps : produce list;
  mutable delivered : int;
  closed : int Atomic.t;
  mutable id : int;
}

let rec answer source =
  match source.steps with
  | [] -> fst (Lwt.wait ())
  | Answer n :: steps ->
      source.steps <- steps;
      let first = source.delivered in
      source.delivered <- first + n;
      Lwt.return { Core.elements = Array.init n (fun i -> first + i); ending = More }
  | Answer_after n :: steps ->
      source.steps <- steps;
      let* () = Workers.pauses n in
      answer source
  | Finish :: _ -> Lwt.return { Core.elements = [||]; ending = Finished }
  | Fail :: _ -> Lwt.fail Broken

let make source =
  let closed () = if Atomic.get source.closed = 0 then Atomic.incr source.closed in
  let kind =
    {
      Core.pull = (fun () _ -> answer source);
      convert = Fun.id;
      close = closed;
      is_exact = false;
      is_cancellable = false;
      is_repeatable = false;
      ends_with_domain = false;
    }
  in
  Core.make_closing (Source ((), kind))

(* ---- the consumer *)

type operation = { may_be_cancelled : bool; result : unit Watched.t }

type consumer = {
  mutable consumer_id : int;
  mutable stream : int Stream.t option;
  (* In the order in which the promises were resolved, last first. *)
  mutable received : int list;
  mutable saw_end : bool;
  operations : operation list Atomic.t;
}

let watch consumer ?(may_be_cancelled = false) p =
  let result = Watched.promise p in
  Atomic.set consumer.operations
    ({ may_be_cancelled; result } :: Atomic.get consumer.operations)

let keep consumer x =
  if consumer.saw_end then Model.fail "an element after the end";
  consumer.received <- x :: consumer.received

let receive consumer ?may_be_cancelled p =
  watch consumer ?may_be_cancelled
    (Lwt.map (function None -> consumer.saw_end <- true | Some x -> keep consumer x) p)

let perform consumer step =
  match (consumer.stream, step) with
  | None, _ -> Lwt.return_unit
  | Some s, Next n ->
      for _ = 1 to n do
        receive consumer (Stream.next s)
      done;
      Lwt.return_unit
  | Some s, Next_batch max ->
      watch consumer
        (Lwt.map
           (function
             | [||] -> consumer.saw_end <- true
             | elements -> Array.iter (keep consumer) elements)
           (Stream.next_batch ~max s));
      Lwt.return_unit
  | Some s, Next_cancelled n ->
      let p = Stream.next s in
      receive consumer ~may_be_cancelled:true p;
      Workers.cancel_after n p;
      Lwt.return_unit
  | Some s, Next_or_pause n ->
      let next = Stream.next s in
      if Lwt.is_sleeping next then
        let paused = Lwt.map (fun () -> raise Lwt.Canceled) (Workers.pauses n) in
        receive consumer ~may_be_cancelled:true (Lwt.pick [ next; paused ])
      else receive consumer next;
      Lwt.return_unit
  | Some _, Pause n -> Workers.pauses n
  | Some _, Spin n ->
      Workers.spin n;
      Lwt.return_unit
  | Some s, Close ->
      Stream.close s;
      Lwt.return_unit
  | Some _, Collect ->
      consumer.stream <- None;
      Gc.full_major ();
      Lwt.return_unit

(* ---- checks *)

let any_waits consumer =
  List.exists
    (fun o -> Option.is_none (Watched.result o.result))
    (Atomic.get consumer.operations)

let check_operation s source consumer o =
  match Watched.result o.result with
  | None | Some (Ok ()) -> ()
  | Some (Error Lwt.Canceled) when o.may_be_cancelled -> ()
  | Some (Error Broken) when List.mem Fail (snd s.producing) -> ()
  | Some (Error (Lwt_interop.Domain_terminated id))
    when id = source.id || id = consumer.consumer_id ->
      ()
  | Some (Error e) -> Model.fail "a next: %s" (Printexc.to_string e)

let check s =
  let source =
    { steps = snd s.producing; delivered = 0; closed = Atomic.make 0; id = -1 }
  in
  let consumer =
    {
      consumer_id = -1;
      stream = None;
      received = [];
      saw_end = false;
      operations = Atomic.make [];
    }
  in
  let moved = Atomic.make None in
  let produce () =
    source.id <- (Domain.self () :> int);
    Atomic.set moved (Some (Stream.move (make source)));
    Workers.pauses 20
  in
  let consume stream =
    consumer.consumer_id <- (Domain.self () :> int);
    consumer.stream <- Some stream;
    Lwt_list.iter_s (perform consumer) (snd s.consuming)
  in
  let accept () =
    Workers.wait_until (fun () -> Option.is_some (Atomic.get moved));
    let stream = Stream.accept (Option.get (Atomic.get moved)) in
    Atomic.set moved None;
    consume stream
  in
  let local () =
    source.id <- (Domain.self () :> int);
    consume (make source)
  in
  let parts =
    if s.is_local then [ (fst s.consuming, local) ]
    else [ (fst s.producing, produce); (fst s.consuming, accept) ]
  in
  let workers = Workers.start parts in
  let rounds = 20 + List.length (Atomic.get consumer.operations) in
  Fun.protect
    ~finally:(fun () -> Workers.stop workers)
    (fun () ->
      (* A consumer that is gone closes the source. *)
      let is_gone =
        fst s.consuming = Workers.Leaves
        || List.mem Close (snd s.consuming)
        || (List.mem Collect (snd s.consuming) && not (any_waits consumer))
      in
      let is_closed () =
        if List.mem Collect (snd s.consuming) then Gc.full_major ();
        Atomic.get source.closed > 0
      in
      if is_gone && not (Workers.eventually workers ~rounds:50 is_closed) then
        Model.fail "the source is not closed";
      (* While something waits, the source has nothing to give, and has not ended. *)
      let has_ended =
        List.exists (fun step -> step = Finish || step = Fail) source.steps
      in
      ignore
        (Workers.eventually workers ~rounds (fun () -> not (any_waits consumer)) : bool);
      if any_waits consumer && (source.steps <> [] || has_ended) then
        Model.fail "a promise is pending");
  List.iter (Model.fail "unhandled exception: %s") (Workers.unhandled workers);
  List.iter (check_operation s source consumer) (Atomic.get consumer.operations);
  let received = List.rev consumer.received in
  (* No element is lost, doubled, or out of order. *)
  if received <> List.init (List.length received) Fun.id then
    Model.fail "received: %s" (String.concat ", " (List.map string_of_int received))

let tests =
  [
    Workers.test ~count:60 ~name:"Stream: used while domains start and terminate" ~show
      ~shrink gen check;
  ]
