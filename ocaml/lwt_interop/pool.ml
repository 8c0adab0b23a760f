open Lwt.Syntax

exception Shut_down

(* What goes on in a domain of the pool; used there only, but for [load]: the functions that were
   sent, or are about to be, and have not ended. [active] has what cancels each that waits. *)
type service = {
  load : int Atomic.t;
  active : (int, unit -> unit) Hashtbl.t;
  mutable started : int;
  mutable draining : bool;
  stopped : unit Lwt.t;
  stop : unit Lwt.u;
}

let new_service load =
  let stopped, stop = Lwt.wait () in
  { load; active = Hashtbl.create 16; started = 0; draining = false; stopped; stop }

let leave s = if Lwt.is_sleeping s.stopped then Lwt.wakeup_later s.stop ()
let end_if_drained s () = if s.draining && Atomic.get s.load = 0 then leave s

let drain s () =
  s.draining <- true;
  end_if_drained s ()

let finished s =
  Atomic.decr s.load;
  end_if_drained s ()

(* Whoever drains comes between two functions, not within one: only what goes on is noted. *)
let wait_for s p =
  let number = s.started in
  s.started <- number + 1;
  Hashtbl.add s.active number (fun () -> Lwt.cancel p);
  let finished () =
    Hashtbl.remove s.active number;
    finished s
  in
  (* A promise of another domain refuses callbacks. *)
  match Lwt.on_any p (fun _ -> finished ()) (fun _ -> finished ()) with
  | () -> p
  | exception e ->
      finished ();
      Lwt.fail e

let serve s f () =
  let p = try f () with e -> Lwt.fail e in
  if Lwt.is_sleeping p then wait_for s p
  else (
    finished s;
    p)

(* What does not end although it is cancelled ends with the domain. *)
let cancel_all s grace () =
  drain s ();
  let cancels = Hashtbl.fold (fun _ cancel all -> cancel :: all) s.active [] in
  List.iter (fun cancel -> try cancel () with _ -> ()) cancels;
  if Lwt.is_sleeping s.stopped then
    Lwt.on_success (Lwt_unix.sleep grace) (fun () -> leave s)

type worker = {
  domain : unit Domain.t;
  handle : Handle.t;
  (* The service's: what [spawn] goes by. Senders do not look for it in the service, which its
     domain writes to. *)
  load : int Atomic.t;
  service : service;
  (* Fulfilled on the domain that created the pool. *)
  ended : unit Lwt.t;
}

(* [leaving] has those that were replaced and have not ended; it and [shutdown] are the creator's. *)
type t = {
  workers : worker Atomic.t array;
  minor_heap : int option;
  is_shut : bool Atomic.t;
  mutable leaving : worker list;
  mutable shutdown : unit Lwt.t option;
}

(* A value that another domain waits for, without a loop. *)
module Once = struct
  type 'a t = { mutex : Mutex.t; filled : Condition.t; mutable value : 'a option }

  let create () = { mutex = Mutex.create (); filled = Condition.create (); value = None }

  let fill t v =
    Mutex.protect t.mutex (fun () ->
        t.value <- Some v;
        Condition.signal t.filled)

  let wait t =
    Mutex.protect t.mutex (fun () ->
        let rec go () =
          match t.value with
          | Some v -> v
          | None ->
              Condition.wait t.filled t.mutex;
              go ()
        in
        go ())
end

(* After everything else that a domain does at its end, engine included: see [Dlwt_rt]. *)
let last = 1000
let set_minor_heap words = Gc.set { (Gc.get ()) with minor_heap_size = words }

let start minor_heap =
  let home = Handle.current () in
  let ended, finished = Lwt.wait () in
  let load = Atomic.make_contended 0 in
  let born = Once.create () in
  let body () =
    let is_up = ref false in
    let up handle service =
      is_up := true;
      Once.fill born (Ok (handle, service))
    in
    try
      Option.iter set_minor_heap minor_heap;
      let handle = Handle.current () in
      Dlwt_rt.at_domain_exit ~priority:last (fun () ->
          ignore (Handle.post home (fun () -> Lwt.wakeup_later finished ()) : bool));
      let service = new_service load in
      (* Once the loop turns it has all that it needs. *)
      Lwt.on_success (Lwt.pause ()) (fun () -> up handle service);
      Lwt_main.run service.stopped
    with e when not !is_up -> Once.fill born (Error e)
  in
  let domain =
    try Domain.spawn body
    with Failure why ->
      failwith
        (Printf.sprintf
           "Lwt_interop.Pool: OCaml refuses another domain: %s. It allows 128 at a time, \
            unless OCAMLRUNPARAM=d=N says more"
           why)
  in
  match Once.wait born with
  | Ok (handle, service) -> { domain; handle; load; service; ended }
  | Error e ->
      Domain.join domain;
      raise e

(* Ends domains that nobody has used yet, without a loop. *)
let abandon workers =
  List.iter (fun w -> ignore (Handle.post w.handle (drain w.service) : bool)) workers;
  List.iter (fun w -> Domain.join w.domain) workers

let create ?domains ?minor_heap () =
  let n = match domains with Some n -> n | None -> Domain.recommended_domain_count () in
  let at_least_one what n =
    if n < 1 then invalid_arg (Printf.sprintf "Lwt_interop.Pool.create: %d %s" n what)
  in
  at_least_one "domains" n;
  Option.iter (at_least_one "words for a minor heap") minor_heap;
  let rec go started i =
    if i = n then List.rev started
    else
      match start minor_heap with
      | worker -> go (worker :: started) (i + 1)
      | exception e ->
          let bt = Printexc.get_raw_backtrace () in
          abandon started;
          Printexc.raise_with_backtrace e bt
  in
  let workers = Array.map Atomic.make (Array.of_list (go [] 0)) in
  { workers; minor_heap; is_shut = Atomic.make false; leaving = []; shutdown = None }

let size t = Array.length t.workers

let place t i =
  if i < 0 || i >= size t then
    invalid_arg
      (Printf.sprintf "Lwt_interop.Pool: no domain %d in a pool of %d" i (size t));
  t.workers.(i)

let handle t i = (Atomic.get (place t i)).handle

(* It was counted, but is not sent: the domain may wait for it by now. *)
let withdraw worker =
  Atomic.decr worker.load;
  ignore (Handle.post worker.handle (end_if_drained worker.service) : bool)

let rec send t place f =
  if Atomic.get t.is_shut then Lwt.fail Shut_down
  else
    let worker = Atomic.get place in
    Atomic.incr worker.load;
    (* One that is told to end after this look waits for what is counted. *)
    if Atomic.get place == worker && not (Atomic.get t.is_shut) then (
      try Remote.spawn (worker.handle :> Executor.handle) (serve worker.service f)
      with e ->
        (* The caller has no loop to take the answer. *)
        withdraw worker;
        raise e)
    else (
      withdraw worker;
      send t place f)

let spawn_on t i f = send t (place t i) f

let spawn t f =
  let load place = Atomic.get (Atomic.get place).load in
  let lighter best place = if load place < load best then place else best in
  send t (Array.fold_left lighter t.workers.(0) t.workers) f

let map t f l = Lwt_list.map_p (fun x -> spawn t (fun () -> f x)) l
let all t = t.leaving @ List.map Atomic.get (Array.to_list t.workers)

let tell_all t f =
  List.iter
    (fun w -> ignore (Handle.post w.handle (fun () -> f w.service) : bool))
    (all t)

(* The domain has nothing left to do then but to give back its memory. *)
let join t worker =
  let+ () = worker.ended in
  t.leaving <- List.filter (( != ) worker) t.leaving;
  Domain.join worker.domain

let retire t worker =
  ignore (Handle.post worker.handle (drain worker.service) : bool);
  join t worker

let replace t i hand_over =
  let place = place t i in
  if Atomic.get t.is_shut then Lwt.fail Shut_down
  else
    match start t.minor_heap with
    | exception e -> Lwt.fail e
    | fresh ->
        let old = Atomic.exchange place fresh in
        t.leaving <- old :: t.leaving;
        Lwt.no_cancel
          (Lwt.finalize (fun () -> hand_over old.handle) (fun () -> retire t old))

let shut_down t =
  Atomic.set t.is_shut true;
  Lwt.join (List.map (retire t) (all t))

let shutdown ?deadline ?(grace = 1.) t =
  let check what seconds =
    if not (seconds >= 0.) then
      invalid_arg
        (Printf.sprintf "Lwt_interop.Pool.shutdown: a %s of %g seconds" what seconds)
  in
  Option.iter (check "deadline") deadline;
  check "grace" grace;
  let p =
    match t.shutdown with
    | Some p -> p
    | None ->
        let p = shut_down t in
        t.shutdown <- Some p;
        p
  in
  let cancel_after seconds =
    let timer = Lwt_unix.sleep seconds in
    Lwt.on_success timer (fun () -> tell_all t (fun s -> cancel_all s grace ()));
    Lwt.on_termination p (fun () -> Lwt.cancel timer)
  in
  if Lwt.is_sleeping p then Option.iter cancel_after deadline;
  (* Several may wait for it. *)
  Lwt.protected p

let current : t option Atomic.t = Atomic.make None

let default () =
  match Atomic.get current with
  | Some pool -> pool
  | None -> invalid_arg "Lwt_interop.Pool.default: no Lwt_interop.run is under way"

let run ?domains ?minor_heap main =
  let busy () = invalid_arg "Lwt_interop.run: another Lwt_interop.run is under way" in
  if Option.is_some (Atomic.get current) then busy ();
  let pool = create ?domains ?minor_heap () in
  if not (Atomic.compare_and_set current None (Some pool)) then (
    (* Another domain was faster. *)
    abandon (all pool);
    busy ());
  let finish () =
    Atomic.set current None;
    shutdown pool
  in
  Lwt_main.run (Lwt.finalize main finish)
