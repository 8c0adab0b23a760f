exception Closed of string

let () =
  Printexc.register_printer (function
    | Closed text -> Some ("Dlwt_inbox.Closed: " ^ text)
    | _ -> None)

(* A sender that waits for room. Its notification resolves its promise in its domain. *)
type outcome = Waiting | Accepted | Refused of string
type 'a sender = { value : 'a; mutable outcome : outcome; notification : Dlwt_mailbox.id }

(* A receiver that waits. Only the owner's domain uses it. *)
type 'a receiver = { resolver : 'a option Lwt.u }
type owner = { domain : Dlwt_rt.owner; notification : Dlwt_mailbox.id }

type 'a t = {
  lock : Mutex.t;  (** of all fields but [receivers] *)
  capacity : int;
  values : 'a Queue.t;
  senders : 'a sender Queue.t;  (** empty unless [values] is full *)
  mutable owner : owner option;
  mutable owner_waits : bool;  (** the owner has receivers and no value for them *)
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

let remove queue item =
  let others = Queue.create () in
  Queue.iter (fun other -> if other != item then Queue.add other others) queue;
  Queue.clear queue;
  Queue.transfer others queue

(* ------------------------------------------------------------------ sending *)

(* With the lock held. The owner is notified when it is released. *)
let try_add t value =
  match t.closed with
  | Some reason -> `Closed reason
  | None when Queue.length t.values >= t.capacity -> `Full
  | None ->
      Queue.add value t.values;
      let owner = if t.owner_waits then t.owner else None in
      t.owner_waits <- false;
      `Sent owner

let notify_owner = Option.iter (fun owner -> Dlwt_mailbox.send owner.notification)

let post t value =
  match locked t (fun () -> try_add t value) with
  | `Sent owner ->
      notify_owner owner;
      `Sent
  | `Full -> `Full
  | `Closed _ -> `Closed

let withdraw t sender =
  locked t (fun () -> if sender.outcome = Waiting then remove t.senders sender)

let wait_for_room t value =
  let promise, resolver = Lwt.task () in
  (* The notification exists before the sender, whose domain it names. *)
  let sender = ref None in
  let resolve () =
    match !sender with
    | Some { outcome = Accepted; _ } -> Lwt.wakeup_later resolver ()
    | Some { outcome = Refused reason; _ } ->
        Lwt.wakeup_later_exn resolver (Closed reason)
    | Some { outcome = Waiting; _ } | None -> ()
  in
  let at_close () = Option.iter (withdraw t) !sender in
  let notification = Dlwt_mailbox.make ~once:true ~at_close resolve in
  let this = { value; outcome = Waiting; notification } in
  sender := Some this;
  let added =
    locked t (fun () ->
        match try_add t value with
        | `Full ->
            Queue.add this t.senders;
            `Full
        | (`Sent _ | `Closed _) as result -> result)
  in
  match added with
  | `Full ->
      Lwt.on_cancel promise (fun () ->
          withdraw t this;
          Dlwt_mailbox.stop notification);
      promise
  | `Sent owner ->
      Dlwt_mailbox.stop notification;
      notify_owner owner;
      Lwt.return_unit
  | `Closed reason ->
      Dlwt_mailbox.stop notification;
      Lwt.fail (Closed reason)

let send t value =
  match locked t (fun () -> try_add t value) with
  | `Sent owner ->
      notify_owner owner;
      Lwt.return_unit
  | `Closed reason -> Lwt.fail (Closed reason)
  | `Full -> wait_for_room t value

(* ------------------------------------------------------------------ closing *)

let close_with t reason =
  let senders, owner =
    locked t (fun () ->
        if Option.is_some t.closed then ([], None)
        else begin
          t.closed <- Some reason;
          let senders = List.of_seq (Queue.to_seq t.senders) in
          List.iter (fun sender -> sender.outcome <- Refused reason) senders;
          Queue.clear t.senders;
          (senders, t.owner)
        end)
  in
  List.iter
    (fun ({ notification; _ } : _ sender) -> Dlwt_mailbox.send notification)
    senders;
  notify_owner owner

let close t = close_with t "this inbox has been closed"

let terminate t domain () =
  close_with t (Printf.sprintf "domain %d, which owns this inbox, has terminated" domain);
  locked t (fun () -> Queue.clear t.values)

(* ---------------------------------------------------------------- receiving *)

(* [`Empty] if there may be values later, of which the owner is then notified. *)
let take t =
  let taken, admitted =
    locked t (fun () ->
        match Queue.take_opt t.values with
        | None when Option.is_some t.closed -> (`Closed, None)
        | None ->
            t.owner_waits <- true;
            (`Empty, None)
        | Some value -> (
            match Queue.take_opt t.senders with
            | None -> (`Value value, None)
            | Some sender ->
                Queue.add sender.value t.values;
                sender.outcome <- Accepted;
                (`Value value, Some sender)))
  in
  Option.iter
    (fun ({ notification; _ } : _ sender) -> Dlwt_mailbox.send notification)
    admitted;
  taken

let rec deliver t =
  if not (Queue.is_empty t.receivers) then
    match take t with
    | `Empty -> ()
    | (`Value _ | `Closed) as taken ->
        let { resolver } = Queue.take t.receivers in
        Lwt.wakeup_later resolver
          (match taken with `Value value -> Some value | `Closed -> None);
        deliver t

let on_notification t () =
  deliver t;
  (* Nobody sends to a closed inbox. *)
  match t.owner with
  | Some { notification; _ } when locked t (fun () -> Option.is_some t.closed) ->
      Dlwt_mailbox.stop notification
  | Some _ | None -> ()

let own t =
  match locked t (fun () -> t.owner) with
  | Some { domain; _ } -> Dlwt_rt.check domain "Dlwt_inbox: this inbox"
  | None -> (
      let domain = Dlwt_rt.domain () in
      let at_close = terminate t domain in
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

let receive t =
  own t;
  (* Earlier receivers come first. *)
  match if Queue.is_empty t.receivers then take t else `Empty with
  | `Value value -> Lwt.return_some value
  | `Closed -> Lwt.return_none
  | `Empty ->
      let promise, resolver = Lwt.task () in
      let receiver = { resolver } in
      Queue.add receiver t.receivers;
      Lwt.on_cancel promise (fun () -> remove t.receivers receiver);
      promise

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
