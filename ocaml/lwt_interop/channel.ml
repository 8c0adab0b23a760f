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
   finaliser or other thread of the domain runs within them, all of which may use the channel. *)

type receiver_state =
  | Waiting
  | Notified  (** An element is reserved for it. *)
  | Exhausted  (** Notified that the channel is closed and empty. *)
  | Done

type 'a receiver = {
  mutable state : receiver_state;
  resolver : 'a option Lwt.u;
  domain : Executor.handle;
  wake : Executor.job;
  exit_hook : Executor.Exit_hook.t;
}

type sender_state = Waiting | Sent | Refused | Withdrawn

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

let wake_receiver (node : 'a receiver Waiters.node) =
  match node with
  | Nil -> ()
  | Node { value; _ } -> ignore (Executor.post value.domain value.wake : bool)

let wake_sender (node : 'a sender Waiters.node) =
  match node with
  | Nil -> ()
  | Node { value; _ } -> ignore (Executor.post value.domain value.wake : bool)

(* ---- closing *)

let is_exhausted c = c.closed && Ring.length c.items = 0

let rec end_receivers c =
  Mutex.lock c.lock;
  match Waiters.first c.receivers with
  | Waiters.Node { value = receiver; _ } as node when is_exhausted c ->
      Waiters.remove c.receivers node;
      receiver.state <- Exhausted;
      Mutex.unlock c.lock;
      wake_receiver node;
      end_receivers c
  | _ -> Mutex.unlock c.lock

let rec refuse_senders c =
  Mutex.lock c.lock;
  match Waiters.first c.senders with
  | Waiters.Node { value = sender; _ } as node ->
      Waiters.remove c.senders node;
      sender.state <- Refused;
      Mutex.unlock c.lock;
      wake_sender node;
      refuse_senders c
  | Waiters.Nil -> Mutex.unlock c.lock

let close c =
  Mutex.lock c.lock;
  c.closed <- true;
  Mutex.unlock c.lock;
  refuse_senders c;
  end_receivers c

(* ---- sending *)

(* If the channel is full, [node] is added to the senders that wait. *)
let put c item node =
  Mutex.lock c.lock;
  if c.closed then (
    Mutex.unlock c.lock;
    `Closed)
  else if Ring.length c.items = Ring.capacity c.items then (
    Waiters.add c.senders node;
    Mutex.unlock c.lock;
    `Full)
  else (
    Ring.push c.items item;
    let notified = notify_next_receiver c in
    Mutex.unlock c.lock;
    wake_receiver notified;
    `Sent)

let try_send c x = put c (Some x) Waiters.nil

let send_result state otherwise =
  match state with
  | Sent -> Ok ()
  | Refused -> Error Closed
  | Waiting | Withdrawn -> Error otherwise

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

let wait_to_send c domain item =
  let p, u = Lwt.task () and exit_hook = Executor.Exit_hook.create () in
  let rec sender : _ sender = { state = Waiting; item; domain; wake; exit_hook }
  and wake = function
    | Executor.Run ->
        Executor.Exit_hook.unregister sender.exit_hook;
        Lwt.wakeup_later_result u (send_result sender.state Closed)
    | Cancel -> ()
  in
  let node = Waiters.node sender in
  match put c item node with
  | `Sent -> Lwt.return_unit
  | `Closed -> Lwt.fail Closed
  | `Full ->
      Executor.Exit_hook.register sender.exit_hook (fun terminated ->
          Lwt.wakeup_later_result u (withdraw c sender node terminated));
      Lwt.catch
        (fun () -> p)
        (function
          | Lwt.Canceled ->
              (* An element that is in the channel cannot be withdrawn: then the promise is
                 fulfilled. *)
              Lwt.of_result (withdraw c sender node Lwt.Canceled)
          | e -> Lwt.fail e)

let send c x =
  let domain = Executor.current () in
  let item = Some x in
  match put c item Waiters.nil with
  | `Sent -> Lwt.return_unit
  | `Closed -> Lwt.fail Closed
  | `Full -> wait_to_send c domain item

(* ---- receiving *)

type 'a taken = Item of 'a option | Nothing | End

(* If there is no element, [node] is added to the receivers that wait. *)
let take c node =
  Mutex.lock c.lock;
  if Ring.length c.items > c.reserved then (
    let item = Ring.pop c.items in
    let accepted = accept_next_sender c in
    Mutex.unlock c.lock;
    wake_sender accepted;
    Item item)
  else if is_exhausted c then (
    Mutex.unlock c.lock;
    End)
  else (
    Waiters.add c.receivers node;
    Mutex.unlock c.lock;
    Nothing)

let try_recv c =
  match take c Waiters.nil with
  | Item (Some x) -> `Received x
  | Item None | Nothing -> `Empty
  | End -> `Closed

(* The job of a receiver that was notified, in the loop of its domain. *)
let finish_receiver c (receiver : 'a receiver) =
  Mutex.lock c.lock;
  match receiver.state with
  | Notified ->
      receiver.state <- Done;
      c.reserved <- c.reserved - 1;
      let item = Ring.pop c.items in
      let accepted = accept_next_sender c in
      let notified = notify_next_receiver c in
      let is_exhausted = is_exhausted c in
      Mutex.unlock c.lock;
      wake_sender accepted;
      wake_receiver notified;
      if is_exhausted then end_receivers c;
      Executor.Exit_hook.unregister receiver.exit_hook;
      Lwt.wakeup_later receiver.resolver item
  | Exhausted ->
      Mutex.unlock c.lock;
      Executor.Exit_hook.unregister receiver.exit_hook;
      Lwt.wakeup_later receiver.resolver None
  | Waiting | Done ->
      (* [Done]: it was cancelled after it had been notified. *)
      Mutex.unlock c.lock

(* The receiver is cancelled, or its domain terminates. *)
let abandon c (receiver : 'a receiver) node =
  Executor.Exit_hook.unregister receiver.exit_hook;
  Mutex.lock c.lock;
  match receiver.state with
  | Notified ->
      (* Its reservation passes to the next receiver. *)
      receiver.state <- Done;
      c.reserved <- c.reserved - 1;
      let notified = notify_next_receiver c in
      Mutex.unlock c.lock;
      wake_receiver notified
  | Waiting ->
      Waiters.remove c.receivers node;
      receiver.state <- Done;
      Mutex.unlock c.lock
  | Exhausted | Done -> Mutex.unlock c.lock

let wait_to_receive c domain =
  let p, resolver = Lwt.task () and exit_hook = Executor.Exit_hook.create () in
  let rec receiver : _ receiver = { state = Waiting; resolver; domain; wake; exit_hook }
  and wake = function Executor.Run -> finish_receiver c receiver | Cancel -> () in
  let node = Waiters.node receiver in
  match take c node with
  | Item item -> Lwt.return item
  | End -> Lwt.return_none
  | Nothing ->
      Executor.Exit_hook.register receiver.exit_hook (fun terminated ->
          abandon c receiver node;
          Lwt.wakeup_later_exn resolver terminated);
      Lwt.on_cancel p (fun () -> abandon c receiver node);
      p

let recv c =
  let domain = Executor.current () in
  match take c Waiters.nil with
  | Item item -> Lwt.return item
  | End -> Lwt.return_none
  | Nothing -> wait_to_receive c domain

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
