open Lwt.Syntax
module Rust_ring = Primitives.Ring

exception Closed

(* A channel is made of OCaml values, until it is first passed to Rust. From then on [ring] is a ring
   of Rust's, and [local] is moved. A channel that Rust has made never had a [local].

   The rest of this comment is about a [local]. An element stays in it until its receiver takes it, on the receiver's own
   domain. When there is an element for a receiver that waits, the receiver is notified by a job for its
   domain, and the element is reserved: other receivers do not get it. If the receiver has been
   cancelled or its domain has terminated, the reservation passes to the next receiver. So

     reserved <= length of the ring, and they are equal while receivers wait.

   When there is room for the elements of a sender that waits, the call that made the room moves the
   elements into the ring, and notifies the sender afterwards. So the ring is full while senders wait.

   A call that moves several elements restores the two facts one waiter at a time, in [serve], after it has released
   the lock; so does [share], which leaves no room meanwhile. Until then later calls wait behind those that do.

   The lock is held for a few instructions that neither allocate nor poll. So no signal handler,
   finaliser or other thread of the domain runs within them, all of which may use the channel.

   An exception of a handler may arrive anywhere else. A waiter that was taken out of its queue is
   therefore woken in a step of [Uninterrupted.run], which follows at once; the jobs that wake it are
   such steps; and an element that was taken is returned, while the domain's loop raises the
   exception later.

   A ring of Rust's does the same: it fulfils a promise, which no user has, when an element is reserved for a
   receiver, and [Rust_ring.take] takes the element. *)

type receiver_state =
  | New  (** In no queue yet. *)
  | Waiting
  | Notified  (** An element is reserved for it. *)
  | Received  (** The elements are in [taken]. *)
  | Exhausted  (** Notified that the channel is closed and empty. *)
  | Moved  (** It waits for a ring of Rust's, or will. *)
  | Done

type refused = Not_refused | Came_late  (** It is closed and empty. *) | Came_to_ring

type 'a receiver = {
  mutable state : receiver_state;
  (* The largest number of elements that it takes. *)
  max : int;
  mutable taken : 'a option array;
  mutable count : int;
  mutable node : 'a receiver Waiters.node;
  (* Why [take] has not queued it. Only the receiver's own domain uses this: once the receiver is in the
     queue, others change [state], which may be read with the lock only. *)
  mutable refused : refused;
  domain : Executor.handle;
  wake : Executor.job;
  exit_hook : Executor.Exit_hook.t;
  (* About its promise, which may be of any type. *)
  is_pending : unit -> bool;
  (* Resolves it with [taken], or says that there are no elements. *)
  conclude : unit -> unit;
  (* Steps of [Uninterrupted.run] that wait for the ring of Rust's, and stop to wait. *)
  move : unit -> unit;
  leave : unit -> unit;
}

type sender_state =
  | New
  | Waiting
  | Sent
  | Refused
  | Withdrawn
  | Moving  (** Its elements are being converted: see [share]. *)
  | Failed of exn  (** They do not convert. *)

type 'a sender = {
  mutable state : sender_state;
  items : 'a option array;
  (* The number of those that are in the channel. *)
  mutable sent : int;
  domain : Executor.handle;
  wake : Executor.job;
  exit_hook : Executor.Exit_hook.t;
}

type 'a local = {
  lock : Mutex.t;
  mutable items : 'a Ring.t;
  mutable closed : bool;
  receivers : 'a receiver Waiters.t;
  (* The number of receivers that are [Notified]. *)
  mutable reserved : int;
  senders : 'a sender Waiters.t;
  (* The number of elements that were received, so far. *)
  mutable received : int;
  (* The number of calls of [share] in progress. Meanwhile there is no room. *)
  mutable shares : int;
  (* The channel has a ring of Rust's. *)
  mutable moved : bool;
}

type 'a origin = From_rust | From_ocaml of 'a local

(* Rust reads and writes it: see runtime/src/bridge/channel.rs. *)
type 'a t = { mutable ring : Rust_ring.t; capacity : int; local : 'a origin }

let create ~capacity =
  if capacity < 1 || capacity > Sys.max_array_length then
    invalid_arg
      (Printf.sprintf
         "Lwt_interop.Channel.create: the capacity is %d, and must be from 1 to %d"
         capacity Sys.max_array_length);
  let local =
    {
      lock = Mutex.create ();
      items = Ring.create capacity;
      closed = false;
      receivers = Waiters.create ();
      reserved = 0;
      senders = Waiters.create ();
      received = 0;
      shares = 0;
      moved = false;
    }
  in
  { ring = Rust_ring.none; capacity; local = From_ocaml local }

let capacity c = c.capacity

(* Where the elements are. If a [local] turns out to be moved, which is seen with its lock, there is a
   ring. *)
type 'a place = Local of 'a local | Rust of Rust_ring.t

let place c =
  let ring = Rust_ring.published c in
  if not (Rust_ring.is_none ring) then Rust ring
  else match c.local with From_ocaml local -> Local local | From_rust -> Rust c.ring
[@@inline]

let length c =
  match place c with
  | Rust ring -> Rust_ring.length ring
  | Local l ->
      Mutex.lock l.lock;
      let n = Ring.length l.items and moved = l.moved in
      Mutex.unlock l.lock;
      if moved then Rust_ring.length c.ring else n

let is_closed c =
  match place c with
  | Rust ring -> Rust_ring.is_closed ring
  | Local l ->
      Mutex.lock l.lock;
      let closed = l.closed and moved = l.moved in
      Mutex.unlock l.lock;
      if moved then Rust_ring.is_closed c.ring else closed

(* ---- waiters *)

(* The caller of the next functions holds the lock. The first two return the node of the waiter that the
   caller has to wake after it has released the lock. *)

let notify_next_receiver l =
  match Waiters.first l.receivers with
  | Waiters.Node { value = receiver; _ } as node when l.reserved < Ring.length l.items ->
      Waiters.remove l.receivers node;
      receiver.state <- Notified;
      l.reserved <- l.reserved + 1;
      node
  | _ -> Waiters.nil

let[@inline] room l =
  if l.closed || l.moved || l.shares > 0 then 0
  else Ring.capacity l.items - Ring.length l.items

let[@inline] smaller (a : int) b = if a < b then a else b

(* The next sender whose last element has come into the channel. *)
let accept_next_sender l =
  match Waiters.first l.senders with
  | Waiters.Node { value = sender; _ } as node ->
      let n = smaller (room l) (Array.length sender.items - sender.sent) in
      if n = 0 then Waiters.nil
      else (
        Ring.push_many l.items sender.items sender.sent n;
        sender.sent <- sender.sent + n;
        if sender.sent < Array.length sender.items then Waiters.nil
        else (
          Waiters.remove l.senders node;
          sender.state <- Sent;
          node))
  | Waiters.Nil -> Waiters.nil

(* The number of elements: it may have changed when the caller learns of it. *)
let recent_length l =
  Mutex.lock l.lock;
  let n = Ring.length l.items in
  Mutex.unlock l.lock;
  n

(* The length of an array for up to [max] elements that are received. A short one costs less than the lock. *)
let room_for l max = if max <= 64 then max else smaller max (recent_length l)

(* The number of elements for a receiver that has just come. *)
let[@inline] available l =
  if Waiters.first l.receivers != Waiters.nil then 0 else Ring.length l.items - l.reserved

let pop l =
  let item = Ring.pop l.items in
  l.received <- l.received + 1;
  item

let pop_many l target n =
  Ring.pop_many l.items target n;
  l.received <- l.received + n

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

let is_exhausted l = l.closed && Ring.length l.items = 0

(* The next functions are steps of [Uninterrupted.run]. *)

let rec end_receivers failure l =
  Mutex.lock l.lock;
  match Waiters.first l.receivers with
  | Waiters.Node { value = receiver; _ } as node when is_exhausted l && not l.moved ->
      Waiters.remove l.receivers node;
      receiver.state <- Exhausted;
      Mutex.unlock l.lock;
      wake_receiver failure node;
      end_receivers failure l
  | _ -> Mutex.unlock l.lock

let rec refuse_senders failure l =
  Mutex.lock l.lock;
  match Waiters.first l.senders with
  | Waiters.Node { value = sender; _ } as node when not l.moved ->
      Waiters.remove l.senders node;
      sender.state <- Refused;
      Mutex.unlock l.lock;
      wake_sender failure node;
      refuse_senders failure l
  | _ -> Mutex.unlock l.lock

(* After several elements have come or gone, or room has. *)
let rec serve failure l =
  Mutex.lock l.lock;
  let before = Ring.length l.items in
  let accepted = accept_next_sender l in
  let notified = notify_next_receiver l in
  let goes_on =
    Ring.length l.items > before || accepted != Waiters.nil || notified != Waiters.nil
  in
  let is_exhausted = is_exhausted l in
  Mutex.unlock l.lock;
  wake_sender failure accepted;
  wake_receiver failure notified;
  if goes_on then serve failure l else if is_exhausted then end_receivers failure l

(* ---- closing *)

let close_once failure c =
  let close_ring () = Rust_ring.close c.ring in
  match place c with
  | Rust _ -> close_ring ()
  | Local l ->
      Mutex.lock l.lock;
      if l.moved then (
        Mutex.unlock l.lock;
        close_ring ())
      else (
        l.closed <- true;
        Mutex.unlock l.lock;
        refuse_senders failure l;
        end_receivers failure l)

let close c =
  let failure = Executor.failure () in
  Uninterrupted.run2 failure close_once failure c;
  Executor.raise_if_no_round failure

(* ---- sending *)

(* If the channel is full, [node] is added to the senders that wait. Nothing interrupts it once it has
   the lock. *)
let put failure l item (node : 'a sender Waiters.node) =
  Mutex.lock l.lock;
  if l.moved then (
    Mutex.unlock l.lock;
    `Moved)
  else if l.closed then (
    Mutex.unlock l.lock;
    `Closed)
  else if room l = 0 || Waiters.first l.senders != Waiters.nil then (
    (match node with
    | Node { value = sender; _ } ->
        sender.state <- Waiting;
        Waiters.add l.senders node
    | Nil -> ());
    Mutex.unlock l.lock;
    `Full)
  else (
    Ring.push l.items item;
    let notified = notify_next_receiver l in
    Mutex.unlock l.lock;
    wake_receiver failure notified;
    `Sent)

(* The same for all elements of a sender: those that fit are put at once. *)
let put_all failure l (sender : 'a sender) (node : 'a sender Waiters.node) =
  Mutex.lock l.lock;
  if l.moved then (
    Mutex.unlock l.lock;
    `Moved)
  else if l.closed then (
    Mutex.unlock l.lock;
    `Closed)
  else
    let left = Array.length sender.items - sender.sent in
    let n = if Waiters.first l.senders != Waiters.nil then 0 else smaller (room l) left in
    if n > 0 then (
      Ring.push_many l.items sender.items sender.sent n;
      sender.sent <- sender.sent + n);
    let notified = notify_next_receiver l in
    if n < left then (
      sender.state <- Waiting;
      Waiters.add l.senders node)
    else sender.state <- Sent;
    let others = Waiters.first l.receivers != Waiters.nil in
    Mutex.unlock l.lock;
    wake_receiver failure notified;
    if others && n > 1 then Uninterrupted.run2 failure serve failure l;
    if n < left then `Full else `Sent

let try_send_to_ring ring x =
  match Rust_ring.send ring x 0 with
  | Sent -> `Sent
  | Refused -> `Closed
  | Full | Sender _ -> `Full
  | Not_sent e -> raise e

let try_send c x =
  match place c with
  | Rust ring -> try_send_to_ring ring x
  | Local l -> (
      let failure = Executor.failure () in
      let result = put failure l (Some x) Waiters.nil in
      Executor.raise_if_no_round failure;
      match result with
      | `Moved -> try_send_to_ring c.ring x
      | (`Sent | `Full | `Closed) as result -> result)

let send_result state otherwise =
  match state with
  | Sent -> Ok ()
  | Refused -> Error Closed
  | Failed e -> Error e
  | New | Waiting | Withdrawn | Moving -> Error otherwise

(* Adds a sender of [items], of which [put] puts those that fit. If the channel has moved, [send_to ring] sends
   them to the ring of Rust's, and waits. *)
let wait_to_send failure c domain items put send_to =
  let p, u = Lwt.task () and exit_hook = Executor.Exit_hook.create () in
  (* On the ring of Rust's. [Full] if the sender has not come there. *)
  let on_ring = ref Rust_ring.Full and is_watched = ref false in
  let node = ref Waiters.nil in
  let resolve result = if Lwt.is_sleeping p then Lwt.wakeup_later_result u result in
  let rec sender : _ sender = { state = New; items; sent = 0; domain; wake; exit_hook }
  and wake = function Executor.Run -> settle () | Cancel -> ()
  (* The result of a sender that stops waiting because of [reason]. *)
  and withdraw reason =
    Executor.Exit_hook.unregister exit_hook;
    (match c.local with
    | From_rust -> ()
    | From_ocaml l ->
        Mutex.lock l.lock;
        (match sender.state with
        | Waiting ->
            Waiters.remove l.senders !node;
            sender.state <- Withdrawn
        | Moving -> sender.state <- Withdrawn
        | New | Sent | Refused | Withdrawn | Failed _ -> ());
        Mutex.unlock l.lock);
    match !on_ring with
    | Full ->
        (* If it does not wait, it was accepted or refused, and has not been woken yet. *)
        send_result sender.state reason
    | Sent -> Ok ()
    | Refused -> Error Closed
    | Not_sent e -> Error e
    | Sender (ready, ticket) -> (
        Lwt.cancel ready;
        match Rust_ring.settle ticket with
        | Accepted -> Ok ()
        | Too_late -> Error Closed
        | Withdrawn -> Error reason)
  and settle () = resolve (withdraw Closed)
  and wait_for_ring () =
    (match !on_ring with
    | Full when Lwt.is_sleeping p -> on_ring := send_to c.ring
    | _ -> ());
    match !on_ring with
    | Full -> ()
    | Sender (ready, _) ->
        if not !is_watched then (
          let accepted () =
            Sys.opaque_identity (Uninterrupted.run (Executor.failure ()) settle ())
          in
          Lwt.on_any ready (fun () -> accepted ()) (fun _ -> ());
          is_watched := true)
    | Sent | Refused | Not_sent _ -> settle ()
  in
  node := Waiters.node sender;
  let forget reason = ignore (withdraw reason : (unit, exn) result) in
  let or_cancelled () =
    Lwt.catch
      (fun () -> p)
      (function
        | Lwt.Canceled ->
            (* Elements that are in the channel cannot be withdrawn: then the promise is fulfilled. *)
            Lwt.of_result (Uninterrupted.get (Executor.failure ()) withdraw Lwt.Canceled)
        | e -> Lwt.fail e)
  in
  Executor.Exit_hook.register exit_hook (fun terminated -> resolve (withdraw terminated));
  match
    match put sender !node with
    | `Sent -> Lwt.return_unit
    | `Closed -> Lwt.fail Closed
    | `Full -> or_cancelled ()
    | `Moved ->
        Uninterrupted.run failure wait_for_ring ();
        or_cancelled ()
  with
  | sent ->
      if not (Lwt.is_sleeping sent) then Executor.Exit_hook.unregister exit_hook;
      sent
  | exception e ->
      (* The caller gets no promise, so the sender is removed. It may be in no queue yet. *)
      let bt = Printexc.get_raw_backtrace () in
      Uninterrupted.run failure forget e;
      Printexc.raise_with_backtrace e bt

let send_one x ring = Rust_ring.send ring x Rust_ring.wait
let moved _ _ = `Moved

let send_to_ring failure c domain x =
  match Rust_ring.send c.ring x 0 with
  | Sent -> Lwt.return_unit
  | Refused -> Lwt.fail Closed
  | Not_sent e -> Lwt.fail e
  | Full | Sender _ -> wait_to_send failure c domain [||] moved (send_one x)

let send c x =
  let domain = Executor.current () and failure = Executor.failure () in
  match place c with
  | Rust _ -> send_to_ring failure c domain x
  | Local l -> (
      let item = Some x in
      match put failure l item Waiters.nil with
      | `Sent -> Lwt.return_unit
      | `Closed -> Lwt.fail Closed
      | `Moved -> send_to_ring failure c domain x
      | `Full ->
          wait_to_send failure c domain [| item |]
            (fun _ node -> put failure l item node)
            (send_one x))

let send_each xs ring = Rust_ring.send ring xs (Rust_ring.wait lor Rust_ring.array)

let send_all c xs =
  let domain = Executor.current () and failure = Executor.failure () in
  match place c with
  | Rust ring -> (
      if Array.length xs = 0 then Lwt.return_unit
      else
        match send_each xs ring with
        | Sent -> Lwt.return_unit
        | Refused -> Lwt.fail Closed
        | Not_sent e -> Lwt.fail e
        | (Full | Sender _) as waiting ->
            wait_to_send failure c domain [||] moved (fun _ -> waiting))
  | Local l ->
      if Array.length xs = 0 then Lwt.return_unit
      else
        let items = Array.map Option.some xs in
        wait_to_send failure c domain items
          (fun sender node -> put_all failure l sender node)
          (send_each xs)

(* ---- receiving *)

(* If there is no element, [node] is added to the receivers that wait, unless there will be none. Nothing
   interrupts it once it has the lock, until it returns. *)
let take failure l (node : 'a receiver Waiters.node) =
  Mutex.lock l.lock;
  if available l > 0 then (
    let item = pop l in
    let accepted = accept_next_sender l in
    Mutex.unlock l.lock;
    wake_sender failure accepted;
    item)
  else (
    (match node with
    | Node { value = receiver; _ } ->
        if l.moved then receiver.refused <- Came_to_ring
        else if is_exhausted l then receiver.refused <- Came_late
        else (
          receiver.state <- Waiting;
          Waiters.add l.receivers node)
    | Nil -> ());
    Mutex.unlock l.lock;
    None)

(* The number of elements that were moved to [target], which has been cleared. *)
let take_many failure l target =
  Mutex.lock l.lock;
  let n = smaller (available l) (Array.length target) in
  if n > 0 then pop_many l target n;
  let others = Waiters.first l.senders != Waiters.nil in
  Mutex.unlock l.lock;
  if others && n > 0 then Uninterrupted.run2 failure serve failure l;
  n

let received = function Some x -> `Received x | None -> `Empty

let try_recv_from_ring ring =
  match Rust_ring.receive ring 0 0 with
  | Received x -> `Received x
  | Ended -> `Closed
  | Empty | Receiver _ -> `Empty
  | Not_received e -> raise e

let try_recv c =
  match place c with
  | Rust ring -> try_recv_from_ring ring
  | Local l -> (
      let failure = Executor.failure () in
      match take failure l Waiters.nil with
      | Some _ as item -> Uninterrupted.get failure received item
      | None ->
          Mutex.lock l.lock;
          let is_exhausted = is_exhausted l and moved = l.moved in
          Mutex.unlock l.lock;
          if moved then try_recv_from_ring c.ring
          else if is_exhausted then `Closed
          else `Empty)

(* A step of [Uninterrupted.run]. *)
let abandon_once c (receiver : 'a receiver) =
  Executor.Exit_hook.unregister receiver.exit_hook;
  (match c.local with
  | From_rust -> ()
  | From_ocaml l -> (
      let failure = Executor.failure () in
      Mutex.lock l.lock;
      match receiver.state with
      | Notified when not l.moved ->
          (* Its reservation passes to the next receiver. *)
          receiver.state <- Done;
          l.reserved <- l.reserved - 1;
          let notified = notify_next_receiver l in
          Mutex.unlock l.lock;
          wake_receiver failure notified
      | Waiting ->
          Waiters.remove l.receivers receiver.node;
          receiver.state <- Done;
          Mutex.unlock l.lock
      | Notified ->
          receiver.state <- Done;
          Mutex.unlock l.lock
      | New | Received | Exhausted | Moved | Done -> Mutex.unlock l.lock));
  receiver.leave ()

(* The receiver is cancelled, or its domain terminates. *)
let abandon c receiver =
  Sys.opaque_identity (Uninterrupted.run2 (Executor.failure ()) abandon_once c receiver)

(* Takes the elements for a receiver for which one is reserved. *)
let take_reserved failure l (receiver : 'a receiver) =
  let room = room_for l receiver.max in
  let target = Array.make (if room < 1 then 1 else room) None in
  Mutex.lock l.lock;
  match receiver.state with
  | Notified when l.moved ->
      receiver.state <- Moved;
      Mutex.unlock l.lock
  | Notified ->
      receiver.state <- Received;
      l.reserved <- l.reserved - 1;
      let n = smaller (Ring.length l.items - l.reserved) (Array.length target) in
      receiver.taken <- target;
      receiver.count <- n;
      pop_many l target n;
      let accepted = accept_next_sender l in
      let notified = notify_next_receiver l in
      let others = Waiters.first l.senders != Waiters.nil in
      let is_exhausted = is_exhausted l in
      Mutex.unlock l.lock;
      wake_sender failure accepted;
      wake_receiver failure notified;
      if is_exhausted || (others && n > 1) then Uninterrupted.run2 failure serve failure l
  | New | Waiting | Received | Exhausted | Moved | Done -> Mutex.unlock l.lock

(* The job of a receiver that was notified, in the loop of its domain. *)
let finish_receiver c l (receiver : 'a receiver) =
  (* If it was cancelled, an exception may have kept it from being abandoned. *)
  if not (receiver.is_pending ()) then abandon c receiver;
  take_reserved (Executor.failure ()) l receiver;
  match receiver.state with
  | Received | Exhausted ->
      receiver.conclude ();
      Executor.Exit_hook.unregister receiver.exit_hook;
      receiver.state <- Done
  | Moved -> receiver.move ()
  | New | Waiting | Notified | Done ->
      (* [Done]: it was cancelled after it had been notified. *)
      ()

(* How elements become the result of a promise. *)
type ('a, 'x, 'r) result_of = {
  at_most : int;
  of_taken : 'a option array -> int -> 'r;
  (* The limit for [Rust_ring.receive], and the function of its result. *)
  ring_max : int;
  of_ring : 'x -> 'r;
  ended : 'r;
}

let wait_to_receive failure c domain result =
  let promise, resolver = Lwt.task () and exit_hook = Executor.Exit_hook.create () in
  (* On the ring of Rust's. *)
  let on_ring = ref Rust_ring.Empty and is_watched = ref false in
  let is_pending () = Lwt.is_sleeping promise in
  let fulfill v =
    if is_pending () then Lwt.wakeup_later resolver v;
    Executor.Exit_hook.unregister exit_hook
  in
  let reject e =
    if is_pending () then Lwt.wakeup_later_exn resolver e;
    Executor.Exit_hook.unregister exit_hook
  in
  let rec receiver : _ receiver =
    {
      state = New;
      max = result.at_most;
      taken = [||];
      count = 0;
      node = Waiters.nil;
      refused = Not_refused;
      domain;
      wake;
      exit_hook;
      is_pending;
      conclude;
      move;
      leave;
    }
  and wake = function
    | Executor.Run -> (
        match c.local with
        | From_ocaml l -> finish_receiver c l receiver
        | From_rust -> ())
    | Cancel -> ()
  and conclude () =
    if is_pending () then
      fulfill
        (if receiver.count = 0 then result.ended
         else result.of_taken receiver.taken receiver.count)
  and move () =
    (match !on_ring with
    | Empty when is_pending () ->
        on_ring := Rust_ring.receive c.ring result.ring_max Rust_ring.wait
    | _ -> ());
    match !on_ring with
    | Empty -> ()
    | Received x -> fulfill (result.of_ring x)
    | Ended -> fulfill result.ended
    | Not_received e -> reject e
    | Receiver (ready, _) ->
        if not !is_watched then (
          let reserved () =
            Sys.opaque_identity (Uninterrupted.run (Executor.failure ()) finish ())
          in
          Lwt.on_any ready (fun () -> reserved ()) (fun _ -> ());
          is_watched := true)
  and finish () =
    (match !on_ring with
    | Receiver (_, ticket) ->
        if is_pending () then (
          is_watched := false;
          on_ring := Rust_ring.take ticket)
        else Rust_ring.abandon ticket
    | _ -> ());
    move ()
  and leave () =
    match !on_ring with
    | Receiver (ready, ticket) ->
        Lwt.cancel ready;
        Rust_ring.abandon ticket
    | Empty | Ended | Received _ | Not_received _ -> ()
  in
  receiver.node <- Waiters.node receiver;
  Lwt.on_cancel promise (fun () -> abandon c receiver);
  Executor.Exit_hook.register exit_hook (fun terminated ->
      abandon c receiver;
      if is_pending () then Lwt.wakeup_later_exn resolver terminated);
  let move_now () =
    receiver.state <- Moved;
    Uninterrupted.run failure move ();
    promise
  in
  (* Allocated before an element is taken. *)
  let of_item item = Lwt.return (result.of_taken [| item |] 1) in
  match place c with
  | Rust _ -> move_now ()
  | Local l -> (
      match take failure l receiver.node with
      | Some _ as item ->
          Executor.Exit_hook.unregister exit_hook;
          Uninterrupted.get failure of_item item
      | None -> (
          match receiver.refused with
          | Not_refused -> promise
          | Came_to_ring -> move_now ()
          | Came_late ->
              Executor.Exit_hook.unregister exit_hook;
              Lwt.return result.ended)
      | exception e ->
          (* It is in no queue. *)
          Executor.Exit_hook.unregister exit_hook;
          raise e)

let one =
  {
    at_most = 1;
    of_taken = (fun taken _ -> Array.unsafe_get taken 0);
    ring_max = 0;
    of_ring = Option.some;
    ended = None;
  }

let return_some x = Lwt.return (Some x)

let recv_from_ring failure c domain =
  match Rust_ring.receive c.ring 0 0 with
  | Received x -> Uninterrupted.get failure return_some x
  | Ended -> Lwt.return_none
  | Not_received e -> Lwt.fail e
  | Empty | Receiver _ -> wait_to_receive failure c domain one

let recv c =
  let domain = Executor.current () and failure = Executor.failure () in
  match place c with
  | Rust _ -> recv_from_ring failure c domain
  | Local l -> (
      match take failure l Waiters.nil with
      | Some _ as item -> Uninterrupted.get failure Lwt.return item
      | None -> wait_to_receive failure c domain one)

let elements taken n =
  Array.init n (fun i ->
      match Array.unsafe_get taken i with Some x -> x | None -> assert false)

let recv_many ?(max = 64) c =
  if max < 1 then
    invalid_arg
      (Printf.sprintf "Lwt_interop.Channel.recv_many: max is %d, and must be at least 1"
         max);
  let domain = Executor.current () and failure = Executor.failure () in
  let max = smaller max c.capacity in
  let wait () =
    wait_to_receive failure c domain
      {
        at_most = max;
        of_taken = elements;
        ring_max = max;
        of_ring = Fun.id;
        ended = [||];
      }
  in
  match place c with
  | Rust ring -> (
      match Rust_ring.receive ring max 0 with
      | Received xs -> Uninterrupted.get failure Lwt.return xs
      | Ended -> Lwt.return [||]
      | Not_received e -> Lwt.fail e
      | Empty | Receiver _ -> wait ())
  | Local l ->
      let taken = Array.make (room_for l max) None in
      let all n = Lwt.return (elements taken n) in
      let n = take_many failure l taken in
      if n > 0 then Uninterrupted.get failure all n else wait ()

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

(* ---- passing a channel to Rust *)

(* The waiters are woken, and try again on the ring. *)

let rec move_receivers failure l =
  Mutex.lock l.lock;
  match Waiters.first l.receivers with
  | Waiters.Node { value = receiver; _ } as node ->
      Waiters.remove l.receivers node;
      receiver.state <- Moved;
      Mutex.unlock l.lock;
      wake_receiver failure node;
      move_receivers failure l
  | Nil -> Mutex.unlock l.lock

type 'a share = {
  mutable has_begun : bool;
  (* An exception has ended the step: what is left of it converts nothing. *)
  mutable gives_up : bool;
  mutable why_not : string option;
  mutable has_ended : bool;
  (* This call has moved the channel. *)
  mutable has_moved : bool;
  (* The sender whose elements are being converted, and what came of it. *)
  mutable node : 'a sender Waiters.node;
  mutable is_kept : bool;
  mutable sender_why_not : string;
  mutable is_done : bool;
}

let given_up =
  "Lwt_interop.Channel: an element was not sent, because an exception such as \
   Out_of_memory came while its channel was passed to Rust for the first time. Send it \
   again"

(* Made beforehand: there may be no memory. *)
let failed_given_up : sender_state = Failed (Invalid_argument given_up)

let rest (sender : _ sender) =
  let n = Array.length sender.items - sender.sent in
  elements (Array.sub sender.items sender.sent n) n

(* The elements of senders that wait move behind those of the channel, so that later ones do not overtake
   them. They may be more than there is room for. *)
let rec move_senders failure l ring s =
  (match s.node with
  | Waiters.Nil -> (
      Mutex.lock l.lock;
      match Waiters.first l.senders with
      | Waiters.Node { value = sender; _ } as node ->
          Waiters.remove l.senders node;
          sender.state <- (if l.closed then Refused else Moving);
          s.is_kept <- l.closed;
          s.sender_why_not <- "";
          s.node <- node;
          Mutex.unlock l.lock
      | Nil -> Mutex.unlock l.lock)
  | Node _ -> ());
  match s.node with
  | Nil -> ()
  | Node { value = sender; _ } as node ->
      let length = Array.length sender.items - sender.sent in
      if not s.is_kept then (
        if s.gives_up then (
          s.sender_why_not <- given_up;
          s.is_kept <- true)
        else
          let rest = rest sender in
          (* Nothing interrupts these two. *)
          s.sender_why_not <- Rust_ring.keep ring rest;
          s.is_kept <- true);
      let why_not = s.sender_why_not in
      let failed =
        if why_not == given_up then failed_given_up else Failed (Invalid_argument why_not)
      in
      Mutex.lock l.lock;
      (match sender.state with
      | Moving -> sender.state <- (if why_not = "" then Sent else failed)
      | New | Waiting | Sent | Refused | Withdrawn | Failed _ -> ());
      let is_withdrawn = sender.state = Withdrawn in
      Mutex.unlock l.lock;
      (* Nothing interrupts this and the next line. *)
      if is_withdrawn && why_not = "" then Rust_ring.unkeep ring length;
      s.node <- Waiters.nil;
      wake_sender failure node;
      move_senders failure l ring s

(* Gives the channel this ring, with its elements. They are converted without the lock; meanwhile there is no room
   for others, so that those that have to be converted only become fewer. A step of [Uninterrupted.run]. If it is
   given up, the channel stays as it was or, once it has the ring, goes on with it. *)
let share_once failure c l ring s =
  if not s.has_begun then (
    Mutex.lock l.lock;
    s.has_begun <- true;
    l.shares <- l.shares + 1;
    Mutex.unlock l.lock);
  if s.why_not = None && not s.gives_up then (
    Rust_ring.forget ring;
    let copy = Array.make (recent_length l) None in
    let nothing = Ring.create 1 in
    Mutex.lock l.lock;
    let n = smaller (Ring.length l.items) (Array.length copy) and first = l.received in
    Ring.copy l.items copy n;
    Mutex.unlock l.lock;
    let why_not = Rust_ring.keep ring (elements copy n) in
    let result = Some why_not in
    Mutex.lock l.lock;
    if why_not = "" && not l.moved then (
      Rust_ring.put ring (l.received - first);
      if l.closed then Rust_ring.close ring;
      Rust_ring.publish c ring;
      l.moved <- true;
      l.reserved <- 0;
      l.items <- nothing;
      s.has_moved <- true);
    s.why_not <- result;
    Mutex.unlock l.lock;
    Rust_ring.forget ring);
  if not s.has_ended then (
    Mutex.lock l.lock;
    s.has_ended <- true;
    l.shares <- l.shares - 1;
    Mutex.unlock l.lock);
  if s.has_moved then (
    move_receivers failure l;
    move_senders failure l ring s;
    Rust_ring.resume ring)
  else (
    Rust_ring.forget ring;
    serve failure l);
  s.is_done <- true

let share c ring =
  match c.local with
  | From_rust -> ""
  | From_ocaml l ->
      let s =
        {
          has_begun = false;
          gives_up = false;
          why_not = None;
          has_ended = false;
          has_moved = false;
          node = Waiters.nil;
          is_kept = false;
          sender_why_not = "";
          is_done = false;
        }
      in
      let failure = Uninterrupted.failure () and failure_of_loop = Executor.failure () in
      let step = share_once failure c l ring in
      Uninterrupted.run failure step s;
      if not s.is_done then (
        s.gives_up <- true;
        Uninterrupted.run failure step s;
        (* The call fails with the exception. *)
        Uninterrupted.raise_any failure);
      Uninterrupted.move failure failure_of_loop;
      Option.value s.why_not ~default:""

let () = Callback.register "lwt_interop.share_channel" share
