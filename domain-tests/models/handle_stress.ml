module Handle = Lwt_interop.Handle

(* The behaviour of a function that is sent to a target. *)
type work = Value | Pauses of int | Raises | Never

type step =
  | Spawn of int * work  (** On this target. *)
  | Spawn_cancelled of int * work * int  (** After this many pauses. *)
  | Post of int
  | Is_alive of int
  | Pause of int
  | Spin of int

type target_life =
  | Stays
  | Serves of int  (** The target terminates after this many functions. *)
  | Lingers of int
      (** The target leaves its loop after this many functions, and terminates when the
          callers are done. *)

type scenario = { targets : target_life list; callers : (Workers.life * step list) list }

(* ---- scenarios *)

let show_work = function
  | Value -> "value"
  | Pauses n -> Printf.sprintf "pauses %d" n
  | Raises -> "raises"
  | Never -> "never"

let show_step = function
  | Spawn (t, w) -> Printf.sprintf "spawn %d %s" t (show_work w)
  | Spawn_cancelled (t, w, n) ->
      Printf.sprintf "spawn %d %s cancelled %d" t (show_work w) n
  | Post t -> Printf.sprintf "post %d" t
  | Is_alive t -> Printf.sprintf "is_alive %d" t
  | Pause n -> Printf.sprintf "pause %d" n
  | Spin n -> Printf.sprintf "spin %d" n

let show s =
  let target = function
    | Stays -> "stays"
    | Serves n -> Printf.sprintf "serves %d" n
    | Lingers n -> Printf.sprintf "lingers after %d" n
  in
  let caller (life, steps) =
    Printf.sprintf "\n  %s: %s" (Workers.show_life life)
      (String.concat ", " (List.map show_step steps))
  in
  Printf.sprintf "targets: %s%s"
    (String.concat ", " (List.map target s.targets))
    (String.concat "" (List.map caller s.callers))

let gen =
  let open QCheck.Gen in
  let few = int_range 1 4 in
  let work =
    frequency
      [
        (4, return Value);
        (4, map (fun n -> Pauses n) few);
        (1, return Raises);
        (1, return Never);
      ]
  in
  let enough = int_range 1 25 in
  let target_life =
    frequency
      [
        (3, return Stays);
        (3, map (fun n -> Serves n) enough);
        (2, map (fun n -> Lingers n) enough);
      ]
  in
  let* targets = list_size (int_range 1 2) target_life in
  let target = int_bound (List.length targets - 1) in
  let step =
    frequency
      [
        (8, map2 (fun t w -> Spawn (t, w)) target work);
        (3, map3 (fun t w n -> Spawn_cancelled (t, w, n)) target work (int_range 0 3));
        (6, map (fun t -> Post t) target);
        (2, map (fun t -> Is_alive t) target);
        (4, map (fun n -> Pause n) few);
        (3, map (fun n -> Spin n) (int_range 1 2000));
      ]
  in
  let* callers =
    list_size (int_range 1 3) (pair Workers.gen_life (list_size (int_range 0 20) step))
  in
  return { targets; callers }

let shrink s =
  let open QCheck.Iter in
  let caller (life, steps) = map (fun l -> (life, l)) (QCheck.Shrink.list_spine steps) in
  map (fun callers -> { s with callers }) (QCheck.Shrink.list ~shrink:caller s.callers)

(* ---- targets *)

exception Own of int * int

type target = {
  life : target_life;
  handle : Handle.t;
  domain : unit Domain.t;
  stopped : unit Lwt.t;
  resolver : unit Lwt.u;
  (* The functions that were run, as pairs of a caller and a number, last first. Only the target uses
     it until it has terminated. *)
  mutable ran : (int * int) list;
}

let start may_terminate life =
  let started = Atomic.make None in
  let body () =
    let stopped, resolver = Lwt.wait () in
    Atomic.set started (Some (Handle.current (), stopped, resolver));
    Lwt_main.run stopped;
    match life with
    | Lingers _ -> Workers.wait_until (fun () -> Atomic.get may_terminate)
    | Stays | Serves _ -> ()
  in
  let domain = Domain.spawn body in
  Workers.wait_until (fun () -> Option.is_some (Atomic.get started));
  let handle, stopped, resolver = Option.get (Atomic.get started) in
  { life; handle; domain; stopped; resolver; ran = [] }

let leave_loop t () = if Lwt.is_sleeping t.stopped then Lwt.wakeup_later t.resolver ()

let stop t =
  ignore (Handle.post t.handle (leave_loop t) : bool);
  Domain.join t.domain

(* The caller checks on which domain the function ran. *)
let record_run t message =
  t.ran <- message :: t.ran;
  match t.life with
  | (Serves n | Lingers n) when List.length t.ran >= n -> leave_loop t ()
  | Stays | Serves _ | Lingers _ -> ()

(* ---- callers *)

type operation = {
  target : target;
  number : int;
  work : work;
  cancelled : bool;
  result : (int * int) Watched.t;
}

(* Last first. *)
type caller = {
  name : int;
  life : Workers.life;
  mutable id : int;
  mutable sent : int;
  operations : operation list Atomic.t;
  (* Targets, numbers, and whether [post] was [true]. *)
  mutable posts : (target * int * bool) list;
  mutable found_terminated : target list;
  mutable violations : string list;
}

let caller name (life, _) =
  {
    name;
    life;
    id = -1;
    sent = 0;
    operations = Atomic.make [];
    posts = [];
    found_terminated = [];
    violations = [];
  }

let next c =
  c.sent <- c.sent + 1;
  c.sent

(* The value has the number of the domain that computed it. *)
let spawn c target work ~cancelled =
  let number = next c in
  let value () = (number, (Domain.self () :> int)) in
  let f () =
    record_run target (c.name, number);
    match work with
    | Value -> Lwt.return (value ())
    | Pauses n -> Lwt.map value (Workers.pauses n)
    | Raises -> raise (Own (c.name, number))
    | Never -> fst (Lwt.task ())
  in
  let p = Handle.spawn target.handle f in
  let o = { target; number; work; cancelled; result = Watched.promise p } in
  Atomic.set c.operations (o :: Atomic.get c.operations);
  p

let found_terminated c target = c.found_terminated <- target :: c.found_terminated
let violation c text = c.violations <- text :: c.violations

let perform targets c step =
  let target i = List.nth targets i in
  match step with
  | Spawn (t, work) ->
      ignore (spawn c (target t) work ~cancelled:false : _ Lwt.t);
      Lwt.return_unit
  | Spawn_cancelled (t, work, n) ->
      Workers.cancel_after n (spawn c (target t) work ~cancelled:true);
      Lwt.return_unit
  | Post t ->
      let t = target t and number = next c in
      let accepted = Handle.post t.handle (fun () -> record_run t (c.name, number)) in
      c.posts <- (t, number, accepted) :: c.posts;
      if accepted && List.memq t c.found_terminated then
        violation c "a terminated domain accepted a message";
      if (not accepted) && Handle.is_alive t.handle then
        violation c "is_alive is true after post was false";
      if not accepted then found_terminated c t;
      Lwt.return_unit
  | Is_alive t ->
      let t = target t in
      let alive = Handle.is_alive t.handle in
      if alive && List.memq t c.found_terminated then
        violation c "is_alive is true after it was false";
      if not alive then found_terminated c t;
      Lwt.return_unit
  | Pause n -> Workers.pauses n
  | Spin n ->
      Workers.spin n;
      Lwt.return_unit

(* ---- checks *)

let operations callers =
  List.concat_map (fun c -> List.map (fun o -> (c, o)) (Atomic.get c.operations)) callers

(* All promises are resolved, apart from those of functions that never finish. *)
let all_finished callers () =
  List.for_all
    (fun (_, o) -> o.work = Never || Option.is_some (Watched.result o.result))
    (operations callers)

let all_resolved callers () =
  List.for_all
    (fun (_, o) -> Option.is_some (Watched.result o.result))
    (operations callers)

let check_operation (c, o) =
  let name = Printf.sprintf "spawn %d of %d" o.number c.name in
  let runs = List.length (List.filter (( = ) (c.name, o.number)) o.target.ran) in
  let id = Handle.id o.target.handle in
  if runs > 1 then Model.fail "%s: ran %d times" name runs;
  match (Watched.final name o.result, o.work) with
  | Ok (number, domain), (Value | Pauses _) ->
      if number <> o.number then Model.fail "%s: has the value of %d" name number;
      if domain <> id then Model.fail "%s: ran on domain %d, not on %d" name domain id;
      if runs <> 1 then Model.fail "%s: it did not run" name
  | Error (Own (n, k)), Raises when (n, k) = (c.name, o.number) ->
      if runs <> 1 then Model.fail "%s: it did not run" name
  | Error (Lwt_interop.Domain_terminated there), _ when there = id ->
      if o.target.life = Stays && o.work <> Never then
        Model.fail "%s: the domain had not terminated" name
  | Error (Lwt_interop.Domain_terminated here), _
    when here = c.id && c.life = Workers.Leaves ->
      ()
  | Error Lwt.Canceled, _ when o.cancelled -> ()
  | Error e, _ -> Model.fail "%s: %s" name (Printexc.to_string e)
  | Ok _, _ -> Model.fail "%s: has a value" name

(* A target runs a prefix of each caller's messages, in their order. Messages that were cancelled
   before that may be missing. *)
let check_order callers t =
  List.iter
    (fun c ->
      let ran =
        List.rev
          (List.filter_map (fun (n, k) -> if n = c.name then Some k else None) t.ran)
      in
      if List.sort_uniq compare ran <> ran then
        Model.fail "the messages of %d were run in the order %s" c.name
          (String.concat ", " (List.map string_of_int ran));
      let last = List.fold_left max 0 ran in
      List.iter
        (fun (target, number, accepted) ->
          if target == t then (
            let run = List.mem number ran in
            let must = accepted && (t.life = Stays || number < last) in
            if run && not accepted then
              Model.fail "post %d of %d: refused, and run" number c.name;
            if must && not run then
              Model.fail "post %d of %d: accepted, and not run" number c.name))
        c.posts)
    callers

let check s =
  let may_terminate = Atomic.make false in
  let targets = List.map (start may_terminate) s.targets in
  let callers = List.mapi caller s.callers in
  let part c (life, steps) =
    ( life,
      fun () ->
        c.id <- (Domain.self () :> int);
        Lwt_list.iter_s (perform targets c) steps )
  in
  let workers = Workers.start (List.map2 part callers s.callers) in
  Atomic.set may_terminate true;
  let rounds = 100 + (2 * List.length (operations callers)) in
  let stopped = ref false in
  let stop_all () =
    if not !stopped then (
      stopped := true;
      List.iter stop targets)
  in
  Fun.protect
    ~finally:(fun () ->
      stop_all ();
      Workers.stop workers)
    (fun () ->
      let also =
        List.map
          (fun t -> t.handle)
          (List.filter (fun (t : target) -> t.life = Stays) targets)
      in
      (* Targets that should terminate may not have received enough functions for that. *)
      List.iter (fun (t : target) -> if t.life <> Stays then stop t) targets;
      if not (Workers.eventually workers ~also ~rounds (all_finished callers)) then
        Model.fail "a promise is pending although its domain stays";
      stop_all ();
      if not (Workers.eventually workers ~rounds (all_resolved callers)) then
        Model.fail "a promise is pending although its domain has terminated");
  List.iter (fun c -> List.iter (Model.fail "caller %d: %s" c.name) c.violations) callers;
  List.iter (Model.fail "unhandled exception: %s") (Workers.unhandled workers);
  List.iter check_operation (operations callers);
  List.iter (check_order callers) targets;
  List.iter
    (fun t ->
      if Handle.is_alive t.handle then Model.fail "is_alive is true after Domain.join")
    targets

let tests =
  [
    Workers.test ~count:60 ~name:"Handle: used while domains start and terminate" ~show
      ~shrink gen check;
  ]
