type id = int

external open_mailbox : unit -> id * Unix.file_descr = "dlwt_mailbox_open"
external close_mailbox : id -> unit = "dlwt_mailbox_close"
external receive : id -> id array = "dlwt_mailbox_receive"
external send : id -> unit = "dlwt_mailbox_send"
external dropped : unit -> int = "dlwt_mailbox_dropped"
external reopen : id -> Unix.file_descr = "dlwt_mailbox_after_fork"

type notifier = { handler : unit -> unit; once : bool; at_close : unit -> unit }

module Table = Hashtbl.Make (struct
  type t = id

  let equal = Int.equal
  let hash id = id
end)

type t = {
  base : id;  (** the number 0 of this mailbox *)
  notifiers : notifier Table.t;
  mutable last : int;  (** the last number given out *)
  mutable event : Lwt_engine.event;
  pending : id Queue.t;  (** received and not yet run *)
  mutable closed : bool;
}

(* Ids end with the number within the mailbox; see dlwt.h. *)
let number_mask = (1 lsl 30) - 1
let is_own t id = id land lnot number_mask = t.base

let run notifiers id =
  match Table.find_opt notifiers id with
  | None -> ()
  | Some { handler; once; _ } ->
      if once then Table.remove notifiers id;
      handler ()

(* The ids of a batch are taken one by one: a handler may run the loop itself, as
   [exit] does for the hooks of [Lwt_main.at_exit], and what it waits for there
   may be further on in the batch. A handler that raises must not lose the ones
   after it. *)
let rec run_pending notifiers pending =
  match Queue.take_opt pending with
  | None -> ()
  | Some id -> (
      match run notifiers id with
      | () -> run_pending notifiers pending
      | exception exn ->
          let backtrace = Printexc.get_raw_backtrace () in
          run_pending notifiers pending;
          Printexc.raise_with_backtrace exn backtrace)

let watch base notifiers pending fd =
  Lwt_engine.on_readable fd (fun _ ->
      Array.iter (fun id -> Queue.add id pending) (receive base);
      run_pending notifiers pending)

let before_close_hooks : (id -> unit) list Atomic.t = Atomic.make []
let before_close f = Atomic.set before_close_hooks (f :: Atomic.get before_close_hooks)

let close t =
  t.closed <- true;
  let left = Table.fold (fun _ notifier left -> notifier :: left) t.notifiers [] in
  Table.reset t.notifiers;
  List.iter (fun notifier -> notifier.at_close ()) left;
  Lwt_engine.stop_event t.event;
  List.iter (fun f -> f t.base) (Atomic.get before_close_hooks);
  close_mailbox t.base

let open_mine () =
  let base, fd = open_mailbox () in
  let notifiers = Table.create 16 in
  let pending = Queue.create () in
  let event =
    try watch base notifiers pending fd
    with exn ->
      close_mailbox base;
      raise exn
  in
  let t = { base; notifiers; last = 0; event; pending; closed = false } in
  (* The process closes the initial domain's. *)
  if not (Dlwt_rt.is_main ()) then Dlwt_rt.at_domain_exit ~priority:80 (fun () -> close t);
  t

let key = Dlwt_rt.key (fun () -> Dlwt_signal_mask.with_all_blocked open_mine)
let mine () = Dlwt_rt.get key
let () = Dlwt_rt.each_domain (fun () -> ignore (mine ()))

let rec free_id t number =
  let id = t.base lor (number land number_mask) in
  if id = t.base || Table.mem t.notifiers id then free_id t (number + 1) else id

let make ?(once = false) ?(at_close = ignore) handler =
  let t = mine () in
  let id = free_id t (t.last + 1) in
  t.last <- id land number_mask;
  Table.add t.notifiers id { handler; once; at_close };
  id

let stop id =
  let t = mine () in
  if is_own t id then Table.remove t.notifiers id

let set id handler =
  let t = mine () in
  let notifier = Table.find t.notifiers id in
  Table.replace t.notifiers id { notifier with handler }

let call id =
  let t = mine () in
  if is_own t id then run t.notifiers id else send id

let run_received () =
  let t = mine () in
  run_pending t.notifiers t.pending

let is_open () = Dlwt_rt.is_set key && not (mine ()).closed

let can_open () =
  match mine () with
  | t -> not t.closed
  | exception (Unix.Unix_error _ | Failure _) -> false

let address () =
  let t = mine () in
  if t.closed then
    failwith
      (Printf.sprintf
         "Lwt: domain %d is ending and its loop has been shut down; an exit action that \
          needs Lwt must be registered after Lwt's first use in the domain"
         (Dlwt_rt.domain ()));
  t.base

let after_fork () =
  let t = mine () in
  Lwt_engine.stop_event t.event;
  Queue.clear t.pending;
  t.event <- watch t.base t.notifiers t.pending (reopen t.base)
