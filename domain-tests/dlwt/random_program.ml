(* Uses only what stock Lwt has as well, so that both can be compared. *)

open Lwt.Infix

type t = {
  random : Random.State.t;
  log : Buffer.t;
  mutable fibers : int;
  mutable tasks : unit Lwt.t list;
  mutable wakeners : int Lwt.u list;
  mutexes : Lwt_mutex.t array;
  conditions : int Lwt_condition.t array;
  mvars : int Lwt_mvar.t array;
  streams : (int Lwt_stream.t * (int option -> unit)) array;
  bounded : (int Lwt_stream.t * int Lwt_stream.bounded_push) array;
  pool : int Lwt_pool.t;
  mutable switch : Lwt_switch.t;
  key : int Lwt.key;
}

exception Thrown of int

let below t n = Random.State.int t.random n
let any t array = array.(below t (Array.length array))
let log t id what n = Printf.bprintf t.log "%d:%s=%d " id what n

let outcome = function
  | Thrown n -> n
  | Lwt.Canceled -> -1
  | Lwt_stream.Closed -> -2
  | Lwt_stream.Full -> -3
  | Lwt_stream.Empty -> -4
  | Lwt_switch.Off -> -5
  | Invalid_argument _ -> -6
  | exn -> raise exn

(* Exceptions are logged like other events. *)
let caught t id what p =
  Lwt.catch p (fun exn ->
      log t id what (outcome exn);
      Lwt.return_unit)

let rec fiber t ~depth =
  let id = t.fibers in
  t.fibers <- id + 1;
  let rec go steps =
    if steps = 0 then Lwt.return_unit
    else caught t id "caught" (fun () -> step t id ~depth) >>= fun () -> go (steps - 1)
  in
  Lwt.finalize
    (fun () -> go (1 + below t 12))
    (fun () ->
      log t id "end" 0;
      Lwt.return_unit)

and deeper t ~depth =
  if depth = 0 || t.fibers > 600 then Lwt.pause () else fiber t ~depth:(depth - 1)

and step t id ~depth =
  let said what n = log t id what n in
  let saw what p = p >|= said what in
  match below t 24 with
  | 0 | 1 | 2 -> saw "pause" (Lwt.pause () >|= fun () -> below t 10)
  | 3 | 4 -> Lwt_mutex.with_lock (any t t.mutexes) (fun () -> deeper t ~depth)
  | 5 -> saw "waited" (Lwt_condition.wait (any t t.conditions))
  | 6 ->
      Lwt_condition.signal (any t t.conditions) id;
      Lwt.return_unit
  | 7 ->
      Lwt_condition.broadcast (any t t.conditions) id;
      Lwt.return_unit
  | 8 -> Lwt_mvar.put (any t t.mvars) id
  | 9 -> saw "took" (Lwt_mvar.take (any t t.mvars))
  | 10 ->
      (snd (any t t.streams)) (Some id);
      Lwt.return_unit
  | 11 -> saw "got" (Lwt_stream.next (fst (any t t.streams)))
  | 12 -> (snd (any t t.bounded))#push id
  | 13 -> saw "got bounded" (Lwt_stream.next (fst (any t t.bounded)))
  | 14 ->
      let task = deeper t ~depth in
      t.tasks <- task :: t.tasks;
      Lwt.async (fun () -> caught t id "async" (fun () -> task));
      Lwt.return_unit
  | 15 ->
      (match t.tasks with
      | [] -> ()
      | tasks -> Lwt.cancel (List.nth tasks (below t (List.length tasks))));
      Lwt.return_unit
  | 16 -> Lwt.pick [ deeper t ~depth; deeper t ~depth; Lwt.pause () >>= Lwt.pause ]
  | 17 -> Lwt.join [ deeper t ~depth; deeper t ~depth ]
  | 18 -> Lwt.choose [ deeper t ~depth; Lwt.pause () ]
  | 19 ->
      let p, wakener = Lwt.wait () in
      t.wakeners <- wakener :: t.wakeners;
      saw "woken" p
  | 20 ->
      (match t.wakeners with
      | [] -> ()
      | wakener :: others ->
          t.wakeners <- others;
          if below t 2 = 0 then Lwt.wakeup wakener id
          else if below t 2 = 0 then Lwt.wakeup_later wakener id
          else Lwt.wakeup_later_exn wakener (Thrown id));
      Lwt.return_unit
  | 21 ->
      Lwt.with_value t.key (Some id) (fun () -> deeper t ~depth >>= Lwt.pause)
      >|= fun () -> said "value" (Option.value (Lwt.get t.key) ~default:(-1))
  | 22 ->
      Lwt_pool.use t.pool (fun member ->
          said "member" member;
          if below t 4 = 0 then Lwt.fail (Thrown member) else deeper t ~depth)
  | _ ->
      if below t 3 = 0 then (
        let switch = t.switch in
        t.switch <- Lwt_switch.create ();
        Lwt_switch.turn_off switch)
      else (
        Lwt_switch.add_hook (Some t.switch) (fun () ->
            said "hook" id;
            Lwt.pause ());
        if below t 4 = 0 then raise (Thrown id) else Lwt.return_unit)

let trace ~seed =
  let made = ref 0 in
  let t =
    {
      random = Random.State.make [| seed |];
      log = Buffer.create 10_000;
      fibers = 0;
      tasks = [];
      wakeners = [];
      mutexes = Array.init 3 (fun _ -> Lwt_mutex.create ());
      conditions = Array.init 2 (fun _ -> Lwt_condition.create ());
      mvars = Array.init 2 (fun _ -> Lwt_mvar.create_empty ());
      streams = Array.init 2 (fun _ -> Lwt_stream.create ());
      bounded = Array.init 2 (fun _ -> Lwt_stream.create_bounded 2);
      pool =
        Lwt_pool.create 2 (fun () ->
            incr made;
            Lwt.pause () >|= fun () -> !made);
      switch = Lwt_switch.create ();
      key = Lwt.new_key ();
    }
  in
  let turns = 20 + below t 200 in
  let rec run turn =
    if turn = turns then Lwt.return_unit
    else (
      if turn mod 2 = 0 then Lwt.async (fun () -> fiber t ~depth:3);
      log t (-1) "turn" turn;
      Lwt.pause () >>= fun () -> run (turn + 1))
  in
  Lwt_main.run (run 0);
  Buffer.contents t.log
