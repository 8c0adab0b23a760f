exception Closed of string

let () =
  Printexc.register_printer (function
    | Closed text -> Some ("Dlwt_inbox.Closed: " ^ text)
    | _ -> None)

(* Exceptions of signal handlers and finalisers may arrive wherever OCaml allocates or polls. So what
   belongs together, such as a value's way from one queue to another and the notification of who waits for
   it, is done with the lock held, and after all allocations: [Queue.take] and [Dlwt_mailbox.send] neither
   allocate nor poll, and [Queue.add] allocates first. *)

type sender_state = Waiting | Accepted | Withdrawn

(* A sender that waits for room. Its notification resolves its promise in its domain. *)
type 'a sender = {
  value : 'a;
  mutable state : sender_state;
  notification : Dlwt_mailbox.id;
}

(* A receiver that waits. Only the owner's domain uses it. *)
type 'a receiver = {
  promise : 'a option Lwt.t;
  resolver : 'a option Lwt.u;
  mutable received : 'a received;
}

and 'a received = Nothing | Received of 'a option

type owner = { domain : Dlwt_rt.owner; notification : Dlwt_mailbox.id }

type 'a t = {
  lock : Mutex.t;  (** of all fields but [receivers] *)
  capacity : int;
  values : 'a Queue.t;
  senders : 'a sender Queue.t;  (** empty unless [values] is full *)
  mutable owner : owner option;
  mutable owner_waits : bool;  (** the owner is notified of the next value *)
  mutable closed : string option;  (** why *)
  receivers : 'a receiver Queue.t;
}

let create ?(capacity = max_int) () =
  if capacity < 1 then invalid_arg "Dlwt_inbox.create: the capacity is less than 1";
  {
    lock = Mutex.create ();
    capacity;
    values = Queue.create ();
    senders = Queue.create ();
    owner = None;
    owner_waits = false;
    closed = None;
    receivers = Queue.create ();
  }

let locked t f = Mutex.protect t.lock f
let length t = locked t (fun () -> Queue.length t.values)
let insist step = Dlwt_rt.insist step ()

let remove queue item =
  let others = Queue.create () in
  Queue.iter (fun other -> if other != item then Queue.add other others) queue;
  Queue.clear queue;
  Queue.transfer others queue

(* No tail call, before which OCaml could poll. *)
let notify_owner t =
  match t.owner with
  | Some { notification; _ } -> Sys.opaque_identity (Dlwt_mailbox.send notification)
  | None -> ()

(* ------------------------------------------------------------------ sending *)

(* With the lock held. *)
let try_add t value =
  match t.closed with
  | Some reason -> `Closed reason
  | None when Queue.length t.values >= t.capacity -> `Full
  | None ->
      Queue.add value t.values;
      if t.owner_waits then (
        t.owner_waits <- false;
        notify_owner t);
      `Sent

let post t value =
  match locked t (fun () -> try_add t value) with
  | `Sent -> `Sent
  | `Full -> `Full
  | `Closed _ -> `Closed

let withdraw t sender () =
  locked t (fun () ->
      if sender.state = Waiting then (
        remove t.senders sender;
        sender.state <- Withdrawn))

let wait_for_room t value =
  let promise, resolver = Lwt.task () in
  (* The notification exists before the sender, whose domain it names. *)
  let sender = ref None in
  let resolve (sender : _ sender) =
    let is_accepted, closed = locked t (fun () -> (sender.state = Accepted, t.closed)) in
    if is_accepted || Option.is_some closed then (
      (if Lwt.is_sleeping promise then
         match closed with
         | Some reason when not is_accepted ->
             Lwt.wakeup_later_exn resolver (Closed reason)
         | Some _ | None -> Lwt.wakeup_later resolver ());
      Dlwt_mailbox.stop sender.notification)
  in
  let resolve () =
    match !sender with
    | None -> ()
    | Some sender -> (
        try resolve sender
        with exn ->
          Dlwt_mailbox.send sender.notification;
          raise exn)
  in
  let at_close () = insist (fun () -> Option.iter (fun s -> withdraw t s ()) !sender) in
  let notification = Dlwt_mailbox.make ~at_close resolve in
  let this = { value; state = Waiting; notification } in
  sender := Some this;
  let stop () = insist (fun () -> Dlwt_mailbox.stop notification) in
  let sent = ref promise in
  match
    Lwt.on_cancel promise (fun () ->
        insist (withdraw t this);
        stop ());
    (* It may be cancelled when the value is in [t], and its notification on its way. *)
    sent :=
      Lwt.catch
        (fun () -> promise)
        (function
          | Lwt.Canceled when locked t (fun () -> this.state = Accepted) ->
              Lwt.return_unit
          | exn -> Lwt.fail exn);
    locked t (fun () ->
        match try_add t value with
        | `Full ->
            Queue.add this t.senders;
            `Full
        | (`Sent | `Closed _) as result -> result)
  with
  | `Full -> !sent
  | `Sent ->
      stop ();
      Lwt.return_unit
  | `Closed reason ->
      stop ();
      Lwt.fail (Closed reason)
  | exception exn ->
      stop ();
      raise exn

let send t value =
  match locked t (fun () -> try_add t value) with
  | `Sent -> Lwt.return_unit
  | `Closed reason -> Lwt.fail (Closed reason)
  | `Full -> wait_for_room t value

(* ------------------------------------------------------------------ closing *)

let rec refuse_senders t =
  if not (Queue.is_empty t.senders) then (
    let ({ notification; _ } : _ sender) = Queue.take t.senders in
    Dlwt_mailbox.send notification;
    refuse_senders t)

let close_step t reason =
  locked t (fun () ->
      if Option.is_none t.closed then t.closed <- Some reason;
      refuse_senders t;
      notify_owner t)

(* If an exception arrives, the inbox is closed all the same. *)
let close_with t reason = insist (fun () -> close_step t reason)
let close t = close_with t "this inbox has been closed"

let terminate t reason () =
  insist (fun () ->
      close_step t reason;
      locked t (fun () -> Queue.clear t.values))

(* ---------------------------------------------------------------- receiving *)

(* Takes the oldest value, which there is. With the lock held, and the result of the caller allocated. *)
let drop_value t =
  match Queue.peek_opt t.senders with
  | None -> ignore (Queue.take t.values)
  | Some sender ->
      Queue.add sender.value t.values;
      ignore (Queue.take t.values);
      ignore (Queue.take t.senders : _ sender);
      sender.state <- Accepted;
      Dlwt_mailbox.send sender.notification

(* Calls [keep] with the oldest value, or [None] if there will be none. Otherwise the owner is notified of the next
   one. [keep] neither allocates nor polls; it gets what [make] has made. *)
let take t make keep =
  locked t (fun () ->
      match Queue.peek_opt t.values with
      | Some _ as value ->
          let made = make value in
          drop_value t;
          keep made
      | None when Option.is_some t.closed -> keep (make None)
      | None -> t.owner_waits <- true)

(* Goes on where an exception has interrupted it. *)
let rec deliver t =
  match Queue.peek_opt t.receivers with
  | None -> ()
  | Some receiver -> (
      if receiver.received == Nothing && Lwt.is_sleeping receiver.promise then
        take t
          (fun value -> Received value)
          (fun received -> receiver.received <- received);
      let is_done =
        match receiver.received with
        | Received value ->
            if Lwt.is_sleeping receiver.promise then
              Lwt.wakeup_later receiver.resolver value;
            true
        | Nothing -> not (Lwt.is_sleeping receiver.promise)
      in
      match Queue.peek_opt t.receivers with
      | Some first when is_done ->
          if first == receiver then ignore (Queue.take t.receivers : _ receiver);
          deliver t
      | Some _ | None -> ())

(* A callback of a receiver's promise may raise: the others are served in the loop's next iteration. *)
let on_notification t () =
  (try deliver t
   with exn ->
     notify_owner t;
     raise exn);
  (* Nobody sends to a closed inbox. *)
  match t.owner with
  | Some { notification; _ }
    when Queue.is_empty t.receivers && locked t (fun () -> Option.is_some t.closed) ->
      Dlwt_mailbox.stop notification
  | Some _ | None -> ()

let own t =
  match locked t (fun () -> t.owner) with
  | Some { domain; _ } -> Dlwt_rt.check domain "Dlwt_inbox: this inbox"
  | None -> (
      let domain = Dlwt_rt.domain () in
      let at_close =
        terminate t
          (Printf.sprintf "domain %d, which owns this inbox, has terminated" domain)
      in
      let notification = Dlwt_mailbox.make ~at_close (on_notification t) in
      let mine = { domain = Dlwt_rt.self (); notification } in
      let owner =
        locked t (fun () ->
            if Option.is_none t.owner then t.owner <- Some mine;
            t.owner)
      in
      match owner with
      | Some owner when owner == mine -> ()
      | Some { domain; _ } ->
          Dlwt_mailbox.stop notification;
          Dlwt_rt.check domain "Dlwt_inbox: this inbox"
      | None -> assert false)

(* A receiver that is cancelled. Its value, if it has one already, is the oldest again. *)
let leave t receiver () =
  remove t.receivers receiver;
  match receiver.received with
  | Nothing | Received None -> ()
  | Received (Some value) ->
      locked t (fun () ->
          let values = Queue.create () in
          Queue.add value values;
          Queue.transfer t.values values;
          Queue.transfer values t.values;
          receiver.received <- Nothing;
          notify_owner t)

let wait t =
  let promise, resolver = Lwt.task () in
  let receiver = { promise; resolver; received = Nothing } in
  Lwt.on_cancel promise (fun () -> insist (leave t receiver));
  Queue.add receiver t.receivers;
  promise

let receive t =
  own t;
  (* Earlier receivers come first. *)
  if not (Queue.is_empty t.receivers) then wait t
  else
    let result = ref Lwt.return_none and is_taken = ref false in
    take t Lwt.return (fun promise ->
        result := promise;
        is_taken := true);
    if !is_taken then !result else wait t

let values_between_pauses = 32

let iter f t =
  let open Lwt.Syntax in
  let rec next count =
    let* value = receive t in
    match value with
    | None -> Lwt.return_unit
    | Some value ->
        let* () = f value in
        if count < values_between_pauses then next (count + 1)
        else
          let* () = Lwt.pause () in
          next 1
  in
  next 1
