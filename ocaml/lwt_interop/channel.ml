open Lwt.Syntax

exception Closed

(* An element is in the ring from when it is sent until its receiver takes it, on the receiver's own
   domain. A receiver in the line is called, at most one for each element, by a message to its
   domain; an element for which somebody is called is nobody else's. If the one who is called does
   not come, because it was cancelled or its domain ended, the next one is called. So

     called <= length of the ring, and they are equal while receivers are in the line.

   A sender in the line has its element moved into the ring as soon as there is room, by whoever
   made the room, and then hears of it. So the ring is full while senders are in the line.

   The lock is held for a few instructions that neither allocate nor poll: no signal handler,
   finaliser or other systhread of the domain gets in between, and each of them may use the
   channel. *)

type call = In_line | Called | Ended | Gone

type 'a receiver = {
  mutable call : call;
  taker : 'a option Lwt.u;
  home : Executor.handle;
  come : Executor.job;
  watch : Executor.watch;
}

type fate = Waiting | Sent | Refused | Withdrawn

type 'a sender = {
  mutable fate : fate;
  item : 'a option;
  home : Executor.handle;
  learn : Executor.job;
  watch : Executor.watch;
}

type 'a t = {
  lock : Mutex.t;
  items : 'a Ring.t;
  mutable closed : bool;
  receivers : 'a receiver Line.t;
  mutable called : int;
  senders : 'a sender Line.t;
}

let create ~capacity =
  if capacity < 1 || capacity > Sys.max_array_length then
    invalid_arg (Printf.sprintf "Lwt_interop.Channel.create: a capacity of %d" capacity);
  {
    lock = Mutex.create ();
    items = Ring.create capacity;
    closed = false;
    receivers = Line.create ();
    called = 0;
    senders = Line.create ();
  }

let capacity c = Ring.capacity c.items

let length c =
  Mutex.lock c.lock;
  let n = Ring.length c.items in
  Mutex.unlock c.lock;
  n

let is_closed c =
  Mutex.lock c.lock;
  let closed = c.closed in
  Mutex.unlock c.lock;
  closed

(* ---- under the lock *)

(* Both give who has to be told, once the lock is free. *)

let call_next c =
  match Line.first c.receivers with
  | Line.Place { who; _ } as next when c.called < Ring.length c.items ->
      Line.leave c.receivers next;
      who.call <- Called;
      c.called <- c.called + 1;
      next
  | _ -> Line.nobody

let admit_next c =
  match Line.first c.senders with
  | Line.Place { who; _ } as next
    when (not c.closed) && Ring.length c.items < Ring.capacity c.items ->
      Line.leave c.senders next;
      who.fate <- Sent;
      Ring.push c.items who.item;
      next
  | _ -> Line.nobody

(* ---- news. If the domain ends first, its watchers see to those who wait there. *)

let tell_receiver (place : 'a receiver Line.place) =
  match place with
  | Nobody -> ()
  | Place { who; _ } -> ignore (Executor.post who.home who.come : bool)

let tell_sender (place : 'a sender Line.place) =
  match place with
  | Nobody -> ()
  | Place { who; _ } -> ignore (Executor.post who.home who.learn : bool)

let is_drained c = c.closed && Ring.length c.items = 0

let rec end_receivers c =
  Mutex.lock c.lock;
  match Line.first c.receivers with
  | Line.Place { who; _ } as place when is_drained c ->
      Line.leave c.receivers place;
      who.call <- Ended;
      Mutex.unlock c.lock;
      tell_receiver place;
      end_receivers c
  | _ -> Mutex.unlock c.lock

let rec refuse_senders c =
  Mutex.lock c.lock;
  match Line.first c.senders with
  | Line.Place { who; _ } as place ->
      Line.leave c.senders place;
      who.fate <- Refused;
      Mutex.unlock c.lock;
      tell_sender place;
      refuse_senders c
  | Line.Nobody -> Mutex.unlock c.lock

let close c =
  Mutex.lock c.lock;
  c.closed <- true;
  Mutex.unlock c.lock;
  refuse_senders c;
  end_receivers c

(* ---- sending *)

(* If the channel is full, [place] joins the line. *)
let put c item place =
  Mutex.lock c.lock;
  if c.closed then (
    Mutex.unlock c.lock;
    `Closed)
  else if Ring.length c.items = Ring.capacity c.items then (
    Line.join c.senders place;
    Mutex.unlock c.lock;
    `Full)
  else (
    Ring.push c.items item;
    let next = call_next c in
    Mutex.unlock c.lock;
    tell_receiver next;
    `Sent)

let try_send c x = put c (Some x) Line.nobody

let outcome fate otherwise =
  match fate with
  | Sent -> Ok ()
  | Refused -> Error Closed
  | Waiting | Withdrawn -> Error otherwise

(* Takes the sender out of the line, unless its fate has been decided. *)
let withdraw c (s : 'a sender) place why =
  Executor.forget s.watch;
  Mutex.lock c.lock;
  if s.fate = Waiting then (
    Line.leave c.senders place;
    s.fate <- Withdrawn);
  Mutex.unlock c.lock;
  outcome s.fate why

let wait_to_send c home item =
  let decided, u = Lwt.task () and watch = Executor.watch () in
  let rec s = { fate = Waiting; item; home; learn; watch }
  and learn = function
    | Executor.Deliver ->
        Executor.forget s.watch;
        Lwt.wakeup_later_result u (outcome s.fate Closed)
    | Abandon -> ()
  in
  let place = Line.place s in
  match put c item place with
  | `Sent -> Lwt.return_unit
  | `Closed -> Lwt.fail Closed
  | `Full ->
      Executor.while_alive s.watch (fun gone ->
          Lwt.wakeup_later_result u (withdraw c s place gone));
      (* What has got in cannot be cancelled any more. *)
      Lwt.catch
        (fun () -> decided)
        (function
          | Lwt.Canceled -> Lwt.of_result (withdraw c s place Lwt.Canceled)
          | e -> Lwt.fail e)

let send c x =
  let home = Executor.current () in
  let item = Some x in
  match put c item Line.nobody with
  | `Sent -> Lwt.return_unit
  | `Closed -> Lwt.fail Closed
  | `Full -> wait_to_send c home item

(* ---- receiving *)

type 'a taken = Item of 'a option | Nothing | Drained

(* If there is nothing for it, [place] joins the line. *)
let take c place =
  Mutex.lock c.lock;
  if Ring.length c.items > c.called then (
    let item = Ring.pop c.items in
    let next = admit_next c in
    Mutex.unlock c.lock;
    tell_sender next;
    Item item)
  else if is_drained c then (
    Mutex.unlock c.lock;
    Drained)
  else (
    Line.join c.receivers place;
    Mutex.unlock c.lock;
    Nothing)

let try_recv c =
  match take c Line.nobody with
  | Item (Some x) -> `Received x
  | Item None | Nothing -> `Empty
  | Drained -> `Closed

(* The receiver, in its domain's loop. *)
let take_called c (r : 'a receiver) =
  Mutex.lock c.lock;
  match r.call with
  | Called ->
      r.call <- Gone;
      c.called <- c.called - 1;
      let item = Ring.pop c.items in
      let admitted = admit_next c in
      let next = call_next c in
      let drained = is_drained c in
      Mutex.unlock c.lock;
      tell_sender admitted;
      tell_receiver next;
      if drained then end_receivers c;
      Executor.forget r.watch;
      Lwt.wakeup_later r.taker item
  | Ended ->
      Mutex.unlock c.lock;
      Executor.forget r.watch;
      Lwt.wakeup_later r.taker None
  | In_line | Gone -> Mutex.unlock c.lock

let go c (r : 'a receiver) place =
  Executor.forget r.watch;
  Mutex.lock c.lock;
  match r.call with
  | Called ->
      r.call <- Gone;
      c.called <- c.called - 1;
      let next = call_next c in
      Mutex.unlock c.lock;
      tell_receiver next
  | In_line ->
      Line.leave c.receivers place;
      r.call <- Gone;
      Mutex.unlock c.lock
  | Ended | Gone -> Mutex.unlock c.lock

let wait_to_receive c home =
  let p, taker = Lwt.task () and watch = Executor.watch () in
  let rec r = { call = In_line; taker; home; come; watch }
  and come = function Executor.Deliver -> take_called c r | Abandon -> () in
  let place = Line.place r in
  match take c place with
  | Item item -> Lwt.return item
  | Drained -> Lwt.return_none
  | Nothing ->
      Executor.while_alive r.watch (fun gone ->
          go c r place;
          Lwt.wakeup_later_exn taker gone);
      Lwt.on_cancel p (fun () -> go c r place);
      p

let recv c =
  let home = Executor.current () in
  match take c Line.nobody with
  | Item item -> Lwt.return item
  | Drained -> Lwt.return_none
  | Nothing -> wait_to_receive c home

(* Elements that are there already come without a turn of the loop. *)
let at_a_time = 32

let iter f c =
  let rec go n =
    let* item = recv c in
    match item with
    | None -> Lwt.return_unit
    | Some x ->
        let* () = f x in
        if n > 1 then go (n - 1)
        else
          let* () = Lwt.pause () in
          go at_a_time
  in
  go at_a_time
