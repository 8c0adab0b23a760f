open Lwt.Syntax

exception Closed

(* An element stays in the ring until its receiver takes it, on the receiver's own domain. When there
   is an element for a receiver that waits, the receiver is notified by a job for its domain, and
   the element is reserved: other receivers do not get it. If the receiver has been cancelled or its
   domain has terminated, the reservation passes to the next receiver. So

     reserved <= length of the ring, and they are equal while receivers wait.

   When there is room for the element of a sender that waits, the call that made the room moves the
   element into the ring, and notifies the sender afterwards. So the ring is full while senders wait.

   The lock is held for a few instructions that neither allocate nor poll. So no signal handler,
   finaliser or other thread of the domain runs within them, all of which may use the channel.

   An exception of a handler may arrive anywhere else. A waiter that was taken out of its queue is
   therefore woken in a step of [Uninterrupted.run], which follows at once; the jobs that wake it are
   such steps; and an element that was taken is returned, while the domain's loop raises the
   exception later. *)

type receiver_state =
  | New  (** In no queue yet. *)
  | Waiting
  | Notified  (** An element is reserved for it. *)
  | Received  (** The element is in [item]. *)
  | Exhausted  (** Notified that the channel is closed and empty. *)
  | Done

type 'a receiver = {
  mutable state : receiver_state;
  mutable item : 'a option;
  mutable node : 'a receiver Waiters.node;
  (* [take] found the channel closed and empty. Only the receiver's own domain uses this: once the receiver
     is in the queue, others change [state], which may be read with the lock only. *)
  mutable came_late : bool;
  promise : 'a option Lwt.t;
  resolver : 'a option Lwt.u;
  domain : Executor.handle;
  wake : Executor.job;
  exit_hook : Executor.Exit_hook.t;
}

type sender_state = New | Waiting | Sent | Refused | Withdrawn

type 'a sender = {
  mutable state : sender_state;
  item : 'a option;
  domain : Executor.handle;
  wake : Executor.job;
  exit_hook : Executor.Exit_hook.t;
}

type 'a t = {
  lock : Mutex.t;
  items : 'a Ring.t;
  mutable closed : bool;
  receivers : 'a receiver Waiters.t;
  (* The number of receivers that are [Notified]. *)
  mutable reserved : int;
  senders : 'a sender Waiters.t;
}

let create ~capacity =
  if capacity < 1 || capacity > Sys.max_array_length then
    invalid_arg
      (Printf.sprintf
         "Lwt_interop.Channel.create: the capacity is %d, and must be from 1 to %d"
         capacity Sys.max_array_length);
  {
    lock = Mutex.create ();
    items = Ring.create capacity;
    closed = false;
    receivers = Waiters.create ();
    reserved = 0;
    senders = Waiters.create ();
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

(* ---- waiters *)

(* The caller of the next two functions holds the lock. They return the node of the waiter that the
   caller has to wake after it has released the lock. *)

let notify_next_receiver c =
  match Waiters.first c.receivers with
  | Waiters.Node { value = receiver; _ } as node when c.reserved < Ring.length c.items ->
      Waiters.remove c.receivers node;
      receiver.state <- Notified;
      c.reserved <- c.reserved + 1;
      node
  | _ -> Waiters.nil

let accept_next_sender c =
  match Waiters.first c.senders with
  | Waiters.Node { value = sender; _ } as node
    when (not c.closed) && Ring.length c.items < Ring.capacity c.items ->
      Waiters.remove c.senders node;
      sender.state <- Sent;
      Ring.push c.items sender.item;
      node
  | _ -> Waiters.nil

(* If the waiter's domain terminates first, its exit hook resolves the waiter's promise. *)

let post_receiver (receiver : 'a receiver) =
  ignore (Executor.post receiver.domain receiver.wake : bool)

let post_sender (sender : 'a sender) =
  ignore (Executor.post sender.domain sender.wake : bool)

let wake_receiver failure (node : 'a receiver Waiters.node) =
  match node with
  | Nil -> ()
  | Node { value; _ } ->
      Sys.opaque_identity (Uninterrupted.run failure post_receiver value)

let wake_sender failure (node : 'a sender Waiters.node) =
  match node with
  | Nil -> ()
  | Node { value; _ } -> Sys.opaque_identity (Uninterrupted.run failure post_sender value)

(* ---- closing *)

let is_exhausted c = c.closed && Ring.length c.items = 0

(* The next two functions are steps of [Uninterrupted.run]. *)

let rec end_receivers failure c =
  Mutex.lock c.lock;
  match Waiters.first c.receivers with
  | Waiters.Node { value = receiver; _ } as node when is_exhausted c ->
      Waiters.remove c.receivers node;
      receiver.state <- Exhausted;
      Mutex.unlock c.lock;
      wake_receiver failure node;
      end_receivers failure c
  | _ -> Mutex.unlock c.lock

let rec refuse_senders failure c =
  Mutex.lock c.lock;
  match Waiters.first c.senders with
  | Waiters.Node { value = sender; _ } as node ->
      Waiters.remove c.senders node;
      sender.state <- Refused;
      Mutex.unlock c.lock;
      wake_sender failure node;
      refuse_senders failure c
  | Waiters.Nil -> Mutex.unlock c.lock

let close_once failure c =
  Mutex.lock c.lock;
  c.closed <- true;
  Mutex.unlock c.lock;
  refuse_senders failure c;
  end_receivers failure c

let close c =
  let failure = Executor.failure () in
  Uninterrupted.run2 failure close_once failure c;
  Executor.raise_if_no_round failure

(* ---- sending *)

(* If the channel is full, [node] is added to the senders that wait. Nothing interrupts it once it has
   the lock. *)
let put failure c item (node : 'a sender Waiters.node) =
  Mutex.lock c.lock;
  if c.closed then (
    Mutex.unlock c.lock;
    `Closed)
  else if Ring.length c.items = Ring.capacity c.items then (
    (match node with
    | Node { value = sender; _ } ->
        sender.state <- Waiting;
        Waiters.add c.senders node
    | Nil -> ());
    Mutex.unlock c.lock;
    `Full)
  else (
    Ring.push c.items item;
    let notified = notify_next_receiver c in
    Mutex.unlock c.lock;
    wake_receiver failure notified;
    `Sent)

let try_send c x =
  let failure = Executor.failure () in
  let result = put failure c (Some x) Waiters.nil in
  Executor.raise_if_no_round failure;
  result

let send_result state otherwise =
  match state with
  | Sent -> Ok ()
  | Refused -> Error Closed
  | New | Waiting | Withdrawn -> Error otherwise

(* The result of a sender that stops waiting because of [reason]. *)
let withdraw c (sender : 'a sender) node reason =
  Executor.Exit_hook.unregister sender.exit_hook;
  Mutex.lock c.lock;
  if sender.state = Waiting then (
    Waiters.remove c.senders node;
    sender.state <- Withdrawn);
  Mutex.unlock c.lock;
  (* Otherwise the sender was accepted or refused, and has not been woken yet. *)
  send_result sender.state reason

let wait_to_send failure c domain item =
  let p, u = Lwt.task () and exit_hook = Executor.Exit_hook.create () in
  let resolve result = if Lwt.is_sleeping p then Lwt.wakeup_later_result u result in
  let rec sender : _ sender = { state = New; item; domain; wake; exit_hook }
  and wake = function
    | Executor.Run ->
        resolve (send_result sender.state Closed);
        Executor.Exit_hook.unregister sender.exit_hook
    | Cancel -> ()
  in
  let node = Waiters.node sender in
  let withdraw reason = withdraw c sender node reason in
  let forget reason = ignore (withdraw reason : (unit, exn) result) in
  Executor.Exit_hook.register sender.exit_hook (fun terminated ->
      resolve (withdraw terminated));
  match
    match put failure c item node with
    | `Sent -> Lwt.return_unit
    | `Closed -> Lwt.fail Closed
    | `Full ->
        Lwt.catch
          (fun () -> p)
          (function
            | Lwt.Canceled ->
                (* An element that is in the channel cannot be withdrawn: then the promise is
                   fulfilled. *)
                Lwt.of_result
                  (Uninterrupted.get (Executor.failure ()) withdraw Lwt.Canceled)
            | e -> Lwt.fail e)
  with
  | sent ->
      if not (Lwt.is_sleeping sent) then Executor.Exit_hook.unregister sender.exit_hook;
      sent
  | exception e ->
      (* The caller gets no promise, so the sender is removed. It may be in no queue yet. *)
      let bt = Printexc.get_raw_backtrace () in
      Uninterrupted.run failure forget e;
      Printexc.raise_with_backtrace e bt

let send c x =
  let domain = Executor.current () in
  let item = Some x and failure = Executor.failure () in
  match put failure c item Waiters.nil with
  | `Sent -> Lwt.return_unit
  | `Closed -> Lwt.fail Closed
  | `Full -> wait_to_send failure c domain item

(* ---- receiving *)

(* If there is no element, [node] is added to the receivers that wait, unless there will be none. Nothing
   interrupts it once it has the lock, until it returns. *)
let take failure c (node : 'a receiver Waiters.node) =
  Mutex.lock c.lock;
  if Ring.length c.items > c.reserved then (
    let item = Ring.pop c.items in
    let accepted = accept_next_sender c in
    Mutex.unlock c.lock;
    wake_sender failure accepted;
    item)
  else (
    (match node with
    | Node { value = receiver; _ } ->
        if is_exhausted c then receiver.came_late <- true
        else (
          receiver.state <- Waiting;
          Waiters.add c.receivers node)
    | Nil -> ());
    Mutex.unlock c.lock;
    None)

let received = function Some x -> `Received x | None -> `Empty

let try_recv c =
  let failure = Executor.failure () in
  match take failure c Waiters.nil with
  | Some _ as item -> Uninterrupted.get failure received item
  | None ->
      Mutex.lock c.lock;
      let is_exhausted = is_exhausted c in
      Mutex.unlock c.lock;
      if is_exhausted then `Closed else `Empty

(* A step of [Uninterrupted.run]. *)
let abandon_once c (receiver : 'a receiver) =
  Executor.Exit_hook.unregister receiver.exit_hook;
  let failure = Executor.failure () in
  Mutex.lock c.lock;
  match receiver.state with
  | Notified ->
      (* Its reservation passes to the next receiver. *)
      receiver.state <- Done;
      c.reserved <- c.reserved - 1;
      let notified = notify_next_receiver c in
      Mutex.unlock c.lock;
      wake_receiver failure notified
  | Waiting ->
      Waiters.remove c.receivers receiver.node;
      receiver.state <- Done;
      Mutex.unlock c.lock
  | New | Received | Exhausted | Done -> Mutex.unlock c.lock

(* The receiver is cancelled, or its domain terminates. *)
let abandon c receiver =
  Sys.opaque_identity (Uninterrupted.run2 (Executor.failure ()) abandon_once c receiver)

(* Takes the element that is reserved for a receiver. *)
let take_reserved failure c (receiver : 'a receiver) =
  Mutex.lock c.lock;
  match receiver.state with
  | Notified ->
      receiver.state <- Received;
      c.reserved <- c.reserved - 1;
      receiver.item <- Ring.pop c.items;
      let accepted = accept_next_sender c in
      let notified = notify_next_receiver c in
      let is_exhausted = is_exhausted c in
      Mutex.unlock c.lock;
      wake_sender failure accepted;
      wake_receiver failure notified;
      if is_exhausted then Uninterrupted.run2 failure end_receivers failure c
  | New | Waiting | Received | Exhausted | Done -> Mutex.unlock c.lock

(* The job of a receiver that was notified, in the loop of its domain. *)
let finish_receiver c (receiver : 'a receiver) =
  (* If it was cancelled, an exception may have kept it from being abandoned. *)
  if not (Lwt.is_sleeping receiver.promise) then abandon c receiver;
  take_reserved (Executor.failure ()) c receiver;
  match receiver.state with
  | Received | Exhausted ->
      if Lwt.is_sleeping receiver.promise then
        Lwt.wakeup_later receiver.resolver receiver.item;
      Executor.Exit_hook.unregister receiver.exit_hook;
      receiver.state <- Done
  | New | Waiting | Notified | Done ->
      (* [Done]: it was cancelled after it had been notified. *)
      ()

let wait_to_receive failure c domain =
  let promise, resolver = Lwt.task () and exit_hook = Executor.Exit_hook.create () in
  let rec receiver : _ receiver =
    {
      state = New;
      item = None;
      node = Waiters.nil;
      came_late = false;
      promise;
      resolver;
      domain;
      wake;
      exit_hook;
    }
  and wake = function Executor.Run -> finish_receiver c receiver | Cancel -> () in
  receiver.node <- Waiters.node receiver;
  Lwt.on_cancel promise (fun () -> abandon c receiver);
  Executor.Exit_hook.register receiver.exit_hook (fun terminated ->
      abandon c receiver;
      if Lwt.is_sleeping promise then Lwt.wakeup_later_exn resolver terminated);
  match take failure c receiver.node with
  | Some _ as item ->
      Executor.Exit_hook.unregister exit_hook;
      Uninterrupted.get failure Lwt.return item
  | None ->
      if receiver.came_late then (
        Executor.Exit_hook.unregister exit_hook;
        Lwt.return_none)
      else promise
  | exception e ->
      (* It is in no queue. *)
      Executor.Exit_hook.unregister exit_hook;
      raise e

let recv c =
  let domain = Executor.current () and failure = Executor.failure () in
  match take failure c Waiters.nil with
  | Some _ as item -> Uninterrupted.get failure Lwt.return item
  | None -> wait_to_receive failure c domain

(* Receiving an element that is in the channel does not yield to the loop. *)
let elements_per_yield = 32

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
          go elements_per_yield
  in
  go elements_per_yield
