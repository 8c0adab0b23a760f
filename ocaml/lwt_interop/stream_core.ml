type ending = Primitives.ending = More | Finished | Failed of exn
type 'a batch = 'a Primitives.batch = { elements : 'a array; ending : ending }

type ('s, 'a, 'r) kind = {
  pull : 's -> int -> 'r Lwt.t;
  convert : 'r -> 'a batch;
  close : 's -> unit;
  is_exact : bool;
  is_cancellable : bool;
  is_repeatable : bool;
  ends_with_domain : bool;
}

type 'a source = Source : 's * ('s, 'a, 'r) kind -> 'a source

(* Between a source and its stream there is at most one pull:

     Idle --- a [next] finds no element ---> Pulling --- elements ---> Idle
     Pulling --- the source has ended ---> Over
     every state --- [close] ---> Closed

   In the states [Idle] and [Over] elements may be buffered. While waiters are queued, the buffer is
   empty and the state is [Pulling]. When elements arrive, they are first assigned to waiters, and
   then the waiters' promises are resolved, whose callbacks may use the stream.

   A stream belongs to one domain, so there is no lock. But signal handlers and finalisers may use the
   stream, and raise, wherever OCaml allocates or polls. So a function that takes elements allocates
   all that it needs first, then checks that the buffer is as it was, and takes them by instructions
   that neither allocate nor poll. All else is a step of [Uninterrupted.run], which continues where
   it was interrupted.

   The callbacks of a pull's promise refer to the core, and not to the stream. The
   core refers to its stream only through waiters. So a stream that nobody waits for is collected
   although a pull is pending, and with it its guard, a block of Rust's whose finaliser has the loop
   close the source. *)
type state = Idle | Pulling | Over of ending | Closed

(* The result of a waiter: for elements, and at the end. Both functions may be called more than once. *)
type ('a, 'r) shape = {
  max : int;
  (* The elements cross to Rust or to another domain: they also end where they take so many bytes that
     a batch ends. *)
  is_weighed : bool;
  of_elements : 'a array -> 'r;
  of_ending : ending -> ('r, exn) result;
}

type call = Not_called | Calling | Called | Watched

type 'a pull =
  | No_pull
  | Pull : {
      source : 's;
      kind : ('s, 'a, 'r) kind;
      size : int;
      mutable attempts : int;
      mutable call : call;
      mutable promise : 'r Lwt.t;
      (* Why there is no promise. *)
      mutable raised : exn;
      mutable is_cancelled : bool;
    }
      -> 'a pull

type waiter_state =
  | New  (** In no queue yet. *)
  | Queued
  | Assigned  (** Elements, or the end, are assigned to it. *)
  | Done

type 'a t = {
  (* Rust reads this field. Negative once the stream was moved: see [moved_home]. *)
  mutable home : int;
  mutable guard : Primitives.guard;
  mutable core : 'a core;
}

and 'a core = {
  (* [no_source] once the source has been closed. *)
  mutable source : 'a source;
  mutable state : state;
  (* The elements from [position] on are buffered. *)
  mutable elements : 'a array;
  mutable position : int;
  (* In the state [Pulling]. *)
  mutable pull : 'a pull;
  waiters : 'a waiter Waiters.t;
  assigned : 'a waiter Waiters.t;
  exit_hook : Executor.Exit_hook.t option;
}

and 'a waiter =
  | Waiter : {
      stream : 'a t;
      shape : ('a, 'r) shape;
      promise : 'r Lwt.t;
      resolver : 'r Lwt.u;
      exit_hook : Executor.Exit_hook.t;
      mutable waiter_state : waiter_state;
      mutable taken : 'a array;
      mutable result : ('r, exn) result;
    }
      -> 'a waiter

let batch_size = 64

(* ---- domains *)

let[@inline] self () = (Domain.self () :> int)
let moved_home id = -1 - id

let refuse name s =
  invalid_arg
    (if s.home < 0 then
       Printf.sprintf
         "Lwt_interop.Stream.%s: this stream was moved away from domain %d, and was used \
          on domain %d. Use the stream that Stream.accept returns"
         name (moved_home s.home) (self ())
     else
       Printf.sprintf
         "Lwt_interop.Stream.%s: this stream belongs to domain %d, and was used on \
          domain %d. Use it there, with Handle.spawn, or pass it on with Stream.move \
          there and Stream.accept here"
         name s.home (self ()))

let[@inline] check name s = if s.home <> self () then refuse name s

(* ---- the buffer *)

let[@inline] is_buffered core = core.position < Array.length core.elements

let[@inline] is_unchanged core elements position =
  core.elements == elements && core.position = position

(* Elements that were taken one at a time can be collected at once, others with the rest of their
   batch. Neither allocates nor polls. *)
let advance core n =
  let elements = core.elements and i = core.position in
  if i + n = Array.length elements then (
    core.elements <- [||];
    core.position <- 0)
  else (
    core.position <- i + n;
    if n = 1 then Primitives.forget elements i)

let slice shape elements i =
  let length = Array.length elements in
  let n = Int.min shape.max (length - i) in
  let n = if shape.is_weighed then Primitives.stream_fitting elements i n else n in
  if n = length then elements else Array.sub elements i n

let rest core =
  Array.sub core.elements core.position (Array.length core.elements - core.position)

(* ---- the end *)

let is_over core =
  match core.state with Over _ | Closed -> true | Idle | Pulling -> false

let cancel_pull = function
  | Pull p when p.kind.is_cancellable ->
      p.is_cancelled <- true;
      Lwt.cancel p.promise
  | Pull _ | No_pull -> ()

let finished = { elements = [||]; ending = Finished }

let no_source =
  Source
    ( (),
      {
        pull = (fun () _ -> Lwt.return_unit);
        convert = (fun () -> finished);
        close = ignore;
        is_exact = false;
        is_cancellable = false;
        is_repeatable = true;
        ends_with_domain = true;
      } )

(* A part of a step. The source's [close] may be called again. *)
let release core =
  if is_over core && core.source != no_source then (
    cancel_pull core.pull;
    (match core.source with Source (source, kind) -> kind.close source);
    Option.iter Executor.Exit_hook.unregister core.exit_hook;
    core.pull <- No_pull;
    core.source <- no_source)

(* ---- pulls *)

let no_promise = Lwt.fail Not_found

let is_not_called = function
  | Pull { call = Not_called; _ } -> true
  | Pull _ | No_pull -> false

let new_pull core max =
  match core.source with
  | Source (source, kind) ->
      Pull
        {
          source;
          kind;
          size = (if kind.is_exact then Int.min max batch_size else batch_size);
          attempts = (if kind.is_repeatable then Uninterrupted.attempts / 10 else 1);
          call = Not_called;
          promise = no_promise;
          raised = Not_found;
          is_cancelled = false;
        }

let failed e = { elements = [||]; ending = Failed e }

let outcome = function
  | No_pull -> finished
  | Pull p -> (
      if p.promise == no_promise then failed p.raised
      else
        match Lwt.state p.promise with
        | Return r -> p.kind.convert r
        | Fail Lwt.Canceled when p.is_cancelled -> { elements = [||]; ending = More }
        | Fail e -> failed e
        | Sleep -> assert false)

(* A part of a step: the pull has an outcome. The buffer is empty, unless elements went back into it. *)
let rec install core pull =
  (if core.state == Pulling && core.pull == pull then
     let buffer = core.elements and i = core.position in
     let { elements; ending } = outcome pull in
     let state = match ending with More -> Idle | Finished | Failed _ -> Over ending in
     let elements =
       if is_buffered core then Array.append (rest core) elements else elements
     in
     if core.state == Pulling && core.pull == pull then
       if is_unchanged core buffer i then (
         core.elements <- elements;
         core.position <- 0;
         core.pull <- No_pull;
         core.state <- state)
       else install core pull);
  release core

(* The callback of a pull's promise. *)
let rec settle core pull =
  Sys.opaque_identity (Uninterrupted.run2 (Executor.failure ()) settle_once core pull)

and settle_once core pull =
  install core pull;
  serve core

(* The functions from here to [serve] are parts of steps. *)

(* Calls the source, or goes on where that was interrupted. If the source's function is the user's, whatever
   it raises is its outcome. Otherwise the step calls it again. Nothing is allocated between its return and
   the moment in which its promise is stored. *)
and proceed core pull =
  match pull with
  | No_pull -> ()
  | Pull p ->
      if p.call = Not_called then (
        let is_last = p.attempts <= 1 in
        p.attempts <- p.attempts - 1;
        p.call <- Calling;
        match p.kind.pull p.source p.size with
        | promise ->
            p.promise <- promise;
            p.call <- Called
        | exception e when is_last ->
            p.raised <- e;
            p.call <- Called
        | exception e ->
            p.call <- Not_called;
            raise e);
      if p.call = Calling then (* The source uses its stream. *) ()
      else if core.pull != pull then (* The stream was closed meanwhile. *)
        cancel_pull pull
      else if p.promise == no_promise || not (Lwt.is_sleeping p.promise) then
        install core pull
      else if p.call <> Watched then (
        (try Lwt.on_termination p.promise (fun () -> settle core pull)
         with Invalid_argument _ as e ->
           (* The promise belongs to another domain. *)
           p.raised <- e;
           p.promise <- no_promise;
           install core pull);
        p.call <- Watched)

and start core max =
  (if core.state == Idle then
     let pull = new_pull core max in
     if core.state == Idle then (
       core.pull <- pull;
       core.state <- Pulling));
  if core.state == Pulling then proceed core core.pull

(* Assigns elements, or the end, to waiters, in their order. *)
and assign core =
  match Waiters.first core.waiters with
  | Waiters.Nil -> ()
  | Node { value = Waiter w; _ } as node -> (
      if not (Lwt.is_sleeping w.promise) then (
        (* An exception has kept it from leaving the queue when it was cancelled. *)
        Executor.Exit_hook.unregister w.exit_hook;
        Waiters.remove core.waiters node;
        w.waiter_state <- Done;
        assign core)
      else if is_buffered core then (
        let elements = core.elements and i = core.position in
        let taken = slice w.shape elements i in
        let result = Ok (w.shape.of_elements taken) in
        if w.waiter_state = Queued && is_unchanged core elements i then (
          Waiters.remove core.waiters node;
          Waiters.add core.assigned node;
          w.waiter_state <- Assigned;
          w.taken <- taken;
          w.result <- result;
          advance core (Array.length taken));
        assign core)
      else
        match core.state with
        | Over ending -> assign_end core node ending
        | Closed -> assign_end core node Finished
        | Idle | Pulling ->
            start core w.shape.max;
            if core.state != Pulling then assign core)

and assign_end core node ending =
  match node with
  | Waiters.Nil -> ()
  | Node { value = Waiter w; _ } ->
      let result = w.shape.of_ending ending in
      if w.waiter_state = Queued then (
        Waiters.remove core.waiters node;
        Waiters.add core.assigned node;
        w.waiter_state <- Assigned;
        w.result <- result);
      assign core

(* Resolves the promise of an assigned waiter. If the promise was cancelled meanwhile, by a signal handler
   for example, the elements go back into the buffer. *)
and finish core node =
  match node with
  | Waiters.Nil -> ()
  | Node { value = Waiter w; _ } ->
      Executor.Exit_hook.unregister w.exit_hook;
      if Lwt.is_sleeping w.promise then Lwt.wakeup_later_result w.resolver w.result;
      let is_refused =
        match Lwt.state w.promise with
        | Return _ -> false
        | Fail _ | Sleep -> Array.length w.taken > 0 && core.state != Closed
      in
      let elements = core.elements and i = core.position in
      let restored = if is_refused then Array.append w.taken (rest core) else [||] in
      if w.waiter_state = Assigned then
        if is_refused && not (is_unchanged core elements i) then finish core node
        else (
          Waiters.remove core.assigned node;
          w.waiter_state <- Done;
          w.taken <- [||];
          if is_refused then (
            core.elements <- restored;
            core.position <- 0))

and serve core =
  assign core;
  match Waiters.first core.assigned with
  | Waiters.Nil -> ()
  | node ->
      finish core node;
      serve core

(* A signal handler may have called [next] meanwhile. *)
let start_once core max =
  start core max;
  match Waiters.first core.waiters with Nil -> () | Node _ -> serve core

(* ---- closing *)

let end_once core state =
  if not (is_over core && (core.state == Closed || state != Closed)) then
    core.state <- state;
  if core.state == Closed then (
    core.elements <- [||];
    core.position <- 0);
  release core;
  serve core

let end_core core state =
  Sys.opaque_identity (Uninterrupted.run2 (Executor.failure ()) end_once core state)

let shut s = end_core s.core Closed

let check_in_loop name s =
  check name s;
  Executor.check_thread ()

let close s =
  (* A stream that was moved has ended here. *)
  if s.home >= 0 then (
    check_in_loop "close" s;
    shut s)

(* ---- waiting *)

let leave_once node =
  match node with
  | Waiters.Nil -> ()
  | Node { value = Waiter w; _ } -> (
      (* The same as when it was queued: a stream with waiters is not moved. *)
      let core = w.stream.core in
      Executor.Exit_hook.unregister w.exit_hook;
      if w.waiter_state = Queued then (
        Waiters.remove core.waiters node;
        w.waiter_state <- Done);
      match Waiters.first core.waiters with
      | Nil when core.state == Pulling -> cancel_pull core.pull
      | Nil | Node _ -> ())

(* The waiter was cancelled, or its domain terminates. *)
let leave node =
  Sys.opaque_identity (Uninterrupted.run (Executor.failure ()) leave_once node)

(* Neither allocates nor polls once it has found that the waiter has to wait. *)
let enqueue core node =
  match node with
  | Waiters.Node { value = Waiter w; _ }
    when core.state == Pulling
         && (not (is_buffered core))
         && w.waiter_state = New && w.stream.core == core ->
      Waiters.add core.waiters node;
      w.waiter_state <- Queued;
      true
  | Nil | Node _ -> false

let rec request : 'a 'r. 'a t -> ('a, 'r) shape -> 'r Lwt.t =
 fun s shape ->
  let core = s.core in
  if is_buffered core then
    let elements = core.elements and i = core.position in
    let taken = slice shape elements i in
    let p = Lwt.return (shape.of_elements taken) in
    if is_unchanged core elements i then (
      advance core (Array.length taken);
      p)
    else request s shape
  else
    match core.state with
    | Over ending -> Lwt.of_result (shape.of_ending ending)
    | Closed -> Lwt.of_result (shape.of_ending Finished)
    | Idle | Pulling -> (
        ignore (Executor.current () : Executor.handle);
        Uninterrupted.run2 (Executor.failure ()) start_once core shape.max;
        match core.state with
        | Pulling when is_not_called core.pull ->
            (* Without memory, for example. Nobody would end the wait. The next call tries again. *)
            Lwt.fail (Executor.failure ()).first
        | Pulling -> wait s shape
        | Idle | Over _ | Closed -> request s shape)

(* Then a pull that is pending ends with the domain, and with it the waits. Otherwise each has an exit hook. *)
and ends_with_domain : 'a. 'a core -> bool =
 fun core ->
  Option.is_some core.exit_hook
  || match core.source with Source (_, kind) -> kind.ends_with_domain

and wait : 'a 'r. 'a t -> ('a, 'r) shape -> 'r Lwt.t =
 fun s shape ->
  let core = s.core in
  let promise, resolver = Lwt.task () and has_hook = not (ends_with_domain core) in
  let exit_hook =
    if has_hook then Executor.Exit_hook.create () else Executor.Exit_hook.none
  in
  let node =
    Waiters.node
      (Waiter
         {
           stream = s;
           shape;
           promise;
           resolver;
           exit_hook;
           waiter_state = New;
           taken = [||];
           result = Error Not_found;
         })
  in
  match
    Lwt.on_cancel promise (fun () -> leave node);
    if has_hook then
      Executor.Exit_hook.register exit_hook (fun terminated ->
          leave node;
          if Lwt.is_sleeping promise then Lwt.wakeup_later_exn resolver terminated);
    enqueue core node
  with
  | true -> promise
  | false ->
      Executor.Exit_hook.unregister exit_hook;
      request s shape
  | exception e ->
      (* It is in no queue. *)
      let bt = Printexc.get_raw_backtrace () in
      leave node;
      Printexc.raise_with_backtrace e bt

(* ---- receiving *)

let one =
  {
    max = 1;
    is_weighed = false;
    of_elements = (fun elements -> Some (Array.unsafe_get elements 0));
    of_ending = (function Failed e -> Error e | More | Finished -> Ok None);
  }

let array max =
  {
    max;
    is_weighed = false;
    of_elements = Fun.id;
    of_ending = (function Failed e -> Error e | More | Finished -> Ok [||]);
  }

let batch max =
  {
    max;
    is_weighed = true;
    of_elements = (fun elements -> { elements; ending = More });
    of_ending = (fun ending -> Ok { elements = [||]; ending });
  }

let rec next s =
  let core = s.core in
  let elements = core.elements and i = core.position in
  if i < Array.length elements && s.home = self () then
    let p = Lwt.return (Some (Array.unsafe_get elements i)) in
    if is_unchanged core elements i then (
      advance core 1;
      p)
    else next s
  else (
    check "next" s;
    request s one)

(* Of a [pull] that is repeatable: errors that would be the same the next time. *)
let or_rejected f x =
  try f x
  with (Invalid_argument _ | Errors.Domain_terminated _ | Errors.Wrong_thread _) as e ->
    Lwt.fail e

let next_array name s max =
  check name s;
  request s (array max)

let pull s max =
  check "pull" s;
  request s (batch (Int.max 1 max))

let repeatable_pull s max = or_rejected (pull s) max

(* ---- making streams *)

let new_core ?exit_hook ?(state = Idle) ?(elements = [||]) source =
  {
    source;
    state;
    elements;
    position = 0;
    pull = No_pull;
    waiters = Waiters.create ();
    assigned = Waiters.create ();
    exit_hook;
  }

let make ?(guard = Primitives.no_guard) source =
  { home = self (); guard; core = new_core source }

let is_exact s = match s.core.source with Source (_, kind) -> kind.is_exact

let of_array elements =
  let core = new_core ~state:(Over Finished) ~elements no_source in
  { home = self (); guard = Primitives.no_guard; core }

(* ---- streams whose sources have to be closed *)

let make_closing ?elements source =
  let handle = Executor.current () in
  let exit_hook = Executor.Exit_hook.create () in
  let core = new_core ~exit_hook ?elements source in
  let close () =
    end_core core Closed;
    Lwt.return_unit
  in
  let s = { home = handle.id; guard = Primitives.guard close; core } in
  Executor.Exit_hook.register exit_hook (fun terminated ->
      end_core core (Over (Failed terminated)));
  s

(* ---- moving *)

let rec hand_over s make =
  check "move" s;
  let core = s.core in
  let elements = core.elements and i = core.position in
  let origin = { home = s.home; guard = s.guard; core } in
  let result = make origin (rest core) in
  let here = new_core ~state:Closed no_source in
  match (Waiters.first core.waiters, Waiters.first core.assigned) with
  | Nil, Nil ->
      if is_unchanged core elements i && s.core == core then (
        s.home <- moved_home s.home;
        s.guard <- Primitives.no_guard;
        s.core <- here;
        core.elements <- [||];
        core.position <- 0;
        result)
      else hand_over s make
  | _ ->
      invalid_arg
        (Printf.sprintf
           "Lwt_interop.Stream.move: domain %d: a promise for the next element of this \
            stream is pending. Wait for it, or cancel it, before the stream is moved"
           s.home)

let rec take_back s elements claim =
  let core = s.core in
  let buffer = core.elements and i = core.position in
  let all = Array.append elements (rest core) in
  if not (is_unchanged core buffer i) then take_back s elements claim
  else
    claim ()
    &&
    (core.elements <- all;
     core.position <- 0;
     true)

(* ---- functions that Rust calls *)

let rust =
  {
    pull = (fun key n -> or_rejected (Primitives.stream_pull key) n);
    convert = Fun.id;
    close = Primitives.stream_close;
    is_exact = false;
    is_cancellable = false;
    is_repeatable = true;
    ends_with_domain = true;
  }

let of_rust key guard = make ~guard (Source (key, rust))

let () =
  Callback.register "lwt_interop.stream_of_rust" (fun key guard : Obj.t t ->
      of_rust key guard);
  Callback.register "lwt_interop.stream_pull" (fun (s : Obj.t t) n -> pull s n);
  (* The loop applies it: what closes a source is code of the user's. *)
  Callback.register "lwt_interop.stream_close" (fun (s : Obj.t t) ->
      close s;
      Lwt.return_unit)
