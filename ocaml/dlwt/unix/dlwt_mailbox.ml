type id = int

external open_mailbox : unit -> id * Unix.file_descr = "dlwt_mailbox_open"
external close_mailbox : id -> unit = "dlwt_mailbox_close"
external receive : id -> bool = "dlwt_mailbox_receive"
external first : id -> id = "dlwt_mailbox_first" [@@noalloc]
external advance : id -> unit = "dlwt_mailbox_advance" [@@noalloc]
external notify : id -> unit = "dlwt_mailbox_notify"
external send : id -> unit = "dlwt_mailbox_send"
external send_at_thread_end : id -> unit = "dlwt_mailbox_send_at_thread_end" [@@noalloc]
external dropped : unit -> int = "dlwt_mailbox_dropped"
external reopen : id -> Unix.file_descr = "dlwt_mailbox_after_fork"

type notifier = { handler : unit -> unit; once : bool; at_close : unit -> unit }

module Table = Hashtbl.Make (struct
  type t = id

  let equal = Int.equal
  let hash id = id
end)

type t = {
  base : id;  (** the id with number 0 in this mailbox *)
  mutable notifiers : notifier Table.t;
  mutable room : int;  (** [notifiers] grows before it has more *)
  mutable closing : notifier list;  (** [at_close] of these has not been called yet *)
  mutable last : int;  (** the number given out last *)
  mutable event : Lwt_engine.event;
  mutable closed : bool;
}

(* The low bits of an id are its number within the mailbox; see dlwt_mailbox.h. *)
let number_mask = (1 lsl 30) - 1
let is_own t id = id land lnot number_mask = t.base

let remove notifiers id notifier =
  match Table.remove notifiers id with
  | () -> ()
  | exception exn ->
      (* Interrupted: its handler has not run. *)
      Table.replace notifiers id notifier;
      raise exn

let run notifiers id =
  match Table.find_opt notifiers id with
  | None -> ()
  | Some ({ handler; once; _ } as notifier) ->
      if once then remove notifiers id notifier;
      handler ()

(* An iteration of the loop spends at most about this on handlers, in nanoseconds. *)
let budget = 1_000_000
let handlers_between_clock_readings = 8

external now : unit -> int = "dlwt_timers_now" [@@noalloc]

(* The notification is taken when nothing can be raised any more but by its handler. *)
let run_first t id =
  match Table.find_opt t.notifiers id with
  | None -> advance t.base
  | Some ({ handler; once; _ } as notifier) ->
      if once then remove t.notifiers id notifier;
      advance t.base;
      handler ()

type outcome = All | Out_of_time

(* A handler may run the loop itself, as [exit] does for the hooks of [Lwt_main.at_exit],
   and may wait there for a notification that has been received after its own. If a handler
   raises, the ones after it must still run. *)
let rec run_received_until t ~deadline count =
  let id = if t.closed then 0 else first t.base in
  if id = 0 then All
  else if count land (handlers_between_clock_readings - 1) = 0 && now () > deadline then
    Out_of_time
  else
    match run_first t id with
    | () -> run_received_until t ~deadline (count + 1)
    | exception exn ->
        let backtrace = Printexc.get_raw_backtrace () in
        ignore (run_received_until t ~deadline (count + 1) : outcome);
        Printexc.raise_with_backtrace exn backtrace

(* What remains, and what has arrived meanwhile, is for the next iteration. *)
let run_received_now t =
  match run_received_until t ~deadline:(now () + budget) 1 with
  | All -> ()
  | Out_of_time -> notify t.base
  | exception exn ->
      let backtrace = Printexc.get_raw_backtrace () in
      notify t.base;
      Printexc.raise_with_backtrace exn backtrace

let receive_on fd t =
  Lwt_engine.on_readable fd (fun _ ->
      let received_all = receive t.base in
      (* The queue has not been received. *)
      if not received_all then notify t.base;
      run_received_now t)

let before_close_hooks : (id -> unit) list Atomic.t = Atomic.make []
let before_close f = Atomic.set before_close_hooks (f :: Atomic.get before_close_hooks)

let rec close_notifiers t =
  match t.closing with
  | [] -> ()
  | notifier :: others ->
      t.closing <- others;
      notifier.at_close ();
      close_notifiers t

let close_step t =
  t.closed <- true;
  let closing = Table.fold (fun _ notifier l -> notifier :: l) t.notifiers t.closing in
  let empty = Table.create 1 in
  t.closing <- closing;
  t.notifiers <- empty;
  close_notifiers t;
  Lwt_engine.stop_event t.event;
  List.iter (fun f -> f t.base) (Atomic.get before_close_hooks);
  close_mailbox t.base

(* A signal handler or finaliser may raise at any point here: what remains is still closed. *)
let close t = Dlwt_rt.insist close_step t
let initial_room = 16

(* A signal handler that raises while [Hashtbl] resizes a table leaves it without some of its
   entries. *)
let make_room t =
  if Table.length t.notifiers >= t.room then (
    let room = 4 * t.room in
    let larger = Table.create room in
    Table.iter (Table.add larger) t.notifiers;
    t.notifiers <- larger;
    t.room <- room)

let open_current () =
  let base, fd = open_mailbox () in
  let t =
    {
      base;
      notifiers = Table.create initial_room;
      room = initial_room;
      closing = [];
      last = 0;
      event = Lwt_engine.fake_event;
      closed = false;
    }
  in
  (try t.event <- receive_on fd t
   with exn ->
     close_mailbox base;
     raise exn);
  (* The initial domain's mailbox stays open until the process exits. *)
  if not (Dlwt_rt.is_main ()) then Dlwt_rt.at_domain_exit ~priority:80 (fun () -> close t);
  t

let key = Dlwt_rt.key (fun () -> Dlwt_signal_mask.with_all_blocked open_current)
let current () = Dlwt_rt.get key
let () = Dlwt_rt.each_domain (fun () -> ignore (current ()))

let rec free_id t number =
  let id = t.base lor (number land number_mask) in
  if id = t.base || Table.mem t.notifiers id then free_id t (number + 1) else id

let make ?(once = false) ?(at_close = ignore) handler =
  let t = current () in
  let id = free_id t (t.last + 1) in
  t.last <- id land number_mask;
  make_room t;
  Table.add t.notifiers id { handler; once; at_close };
  id

let stop id =
  let t = current () in
  if is_own t id then Table.remove t.notifiers id

let set id handler =
  let t = current () in
  let notifier = Table.find t.notifiers id in
  Table.replace t.notifiers id { notifier with handler }

let is_once t id =
  match Table.find_opt t.notifiers id with Some { once; _ } -> once | None -> false

let call id =
  let t = current () in
  if not (is_own t id) then send id
  else
    match run t.notifiers id with
    | () -> ()
    | exception exn ->
        (* If it is still there, its handler has not run. *)
        if is_once t id then send id;
        raise exn

let run_received () = run_received_now (current ())
let is_open () = Dlwt_rt.is_set key && not (current ()).closed

let can_open () =
  match current () with
  | t -> not t.closed
  | exception (Unix.Unix_error _ | Failure _) -> false

let address () =
  let t = current () in
  if t.closed then
    failwith
      (Printf.sprintf
         "Lwt: domain %d is terminating and its loop has been shut down. An exit action \
          that needs Lwt must be registered after the domain's first use of Lwt"
         (Dlwt_rt.domain ()));
  t.base

let after_fork () =
  let t = current () in
  Lwt_engine.stop_event t.event;
  t.event <- receive_on (reopen t.base) t
