open Lwt.Syntax
module Handle = Lwt_interop.Handle
module Pool = Lwt_interop.Pool

type work =
  | Value
  | Pauses of int
  | Raises
  | Nested of work  (** Spawns this on the pool, and waits for it. *)
  | Never  (** Finishes only if it is cancelled, by its caller or at the deadline. *)
  | Stubborn  (** Never finishes, and cannot be cancelled. The deadline abandons it. *)

type step =
  | Spawn of work
  | Spawn_on of int * work
  | Spawn_cancelled of work * int
  | Map of int * work
  | Pause of int
  | Spin of int

(* The creator of the pool carries out [steps], shuts the pool down, and carries out [late]. Other
   users carry out their own steps at the same time. *)
type scenario = {
  size : int;
  deadline : bool;
  steps : step list;
  late : step list;
  users : (Workers.life * step list) list;
}

(* ---- scenarios *)

let rec show_work = function
  | Value -> "value"
  | Pauses n -> Printf.sprintf "pauses %d" n
  | Raises -> "raises"
  | Nested w -> "nested " ^ show_work w
  | Never -> "never"
  | Stubborn -> "stubborn"

let show_step = function
  | Spawn w -> "spawn " ^ show_work w
  | Spawn_on (i, w) -> Printf.sprintf "spawn_on %d %s" i (show_work w)
  | Spawn_cancelled (w, n) -> Printf.sprintf "spawn %s cancelled %d" (show_work w) n
  | Map (n, w) -> Printf.sprintf "map %d %s" n (show_work w)
  | Pause n -> Printf.sprintf "pause %d" n
  | Spin n -> Printf.sprintf "spin %d" n

let show s =
  let steps l = String.concat ", " (List.map show_step l) in
  let user (life, l) = Printf.sprintf "\n  %s: %s" (Workers.show_life life) (steps l) in
  Printf.sprintf "%d domains\n  creator: %s; shutdown%s; %s%s" s.size (steps s.steps)
    (if s.deadline then " at once" else "")
    (steps s.late)
    (String.concat "" (List.map user s.users))

let gen =
  let open QCheck.Gen in
  let few = int_range 1 4 in
  let* size = int_range 1 3
  and* deadline = frequency [ (2, return false); (1, return true) ] in
  let simple =
    frequency
      ((if deadline then [ (2, return Never); (1, return Stubborn) ] else [])
      @ [ (4, return Value); (4, map (fun n -> Pauses n) few); (1, return Raises) ])
  in
  let work = frequency [ (5, simple); (1, map (fun w -> Nested w) simple) ] in
  (* A user that leaves may have terminated before it could cancel a function that never finishes. *)
  let step life =
    let cancelled = if life = Workers.Stays then [ (2, return Never) ] else [] in
    frequency
      [
        (6, map (fun w -> Spawn w) work);
        (6, map2 (fun i w -> Spawn_on (i, w)) (int_bound (size - 1)) work);
        ( 3,
          map2
            (fun w n -> Spawn_cancelled (w, n))
            (frequency ((5, work) :: cancelled))
            (int_range 0 3) );
        (1, map2 (fun n w -> Map (n, w)) (int_range 0 6) simple);
        (4, map (fun n -> Pause n) few);
        (3, map (fun n -> Spin n) (int_range 1 3000));
      ]
  in
  let* steps = list_size (int_range 0 10) (step Workers.Stays) in
  let* late = list_size (int_range 0 3) (step Workers.Stays) in
  let user =
    let* life = Workers.gen_life in
    let* steps = list_size (int_range 0 15) (step life) in
    return (life, steps)
  in
  let* users = list_size (int_range 0 2) user in
  return { size; deadline; steps; late; users }

let shrink s =
  let open QCheck in
  let user (life, steps) = Iter.map (fun l -> (life, l)) (Shrink.list_spine steps) in
  Iter.append
    (Iter.map (fun users -> { s with users }) (Shrink.list ~shrink:user s.users))
    (Iter.append
       (Iter.map (fun steps -> { s with steps }) (Shrink.list_spine s.steps))
       (Iter.map (fun late -> { s with late }) (Shrink.list_spine s.late)))

(* ---- running a scenario *)

exception Own of int

(* Relative to the shutdown, as far as the user that calls the pool knows. *)
type time = Before | Racing | After

type operation = {
  work : work;
  cancelled : bool;
  time : time;
  (* How many times it ran, and should run. *)
  runs : int Atomic.t;
  expected : int;
  (* The domain that has to run it, if only one may. *)
  place : int option;
  (* The domains that ran it. *)
  domains : int list Watched.t;
}

type user = {
  number : int;
  life : Workers.life;
  mutable id : int;
  operations : operation list Atomic.t;
}

let user number life = { number; life; id = -1; operations = Atomic.make [] }

let rec perform_work pool work =
  match work with
  | Value -> Lwt.return (Domain.self () :> int)
  | Pauses n ->
      let* () = Workers.pauses n in
      Lwt.return (Domain.self () :> int)
  | Raises -> raise (Own 1)
  | Never -> fst (Lwt.task ())
  | Stubborn -> fst (Lwt.wait ())
  | Nested w ->
      let* (_ : int) = Pool.spawn pool (fun () -> perform_work pool w) in
      Lwt.return (Domain.self () :> int)

let operate user pool ~time ?(cancelled = false) ?place ?(expected = 1) work start =
  let runs = Atomic.make 0 in
  let f () =
    Atomic.incr runs;
    perform_work pool work
  in
  let p = start f in
  let domains = Watched.promise p in
  let o = { work; cancelled; time; runs; expected; place; domains } in
  Atomic.set user.operations (o :: Atomic.get user.operations);
  p

let one p = Lwt.map (fun domain -> [ domain ]) p

let perform user pool ~time = function
  | Spawn w ->
      let start f = one (Pool.spawn pool f) in
      ignore (operate user pool ~time w start : int list Lwt.t);
      Lwt.return_unit
  | Spawn_on (i, w) ->
      let start f = one (Pool.spawn_on pool i f) in
      let place = Handle.id (Pool.handle pool i) in
      ignore (operate user pool ~time ~place w start : int list Lwt.t);
      Lwt.return_unit
  | Spawn_cancelled (w, n) ->
      let start f = one (Pool.spawn pool f) in
      Workers.cancel_after n (operate user pool ~time ~cancelled:true w start);
      Lwt.return_unit
  | Map (n, w) ->
      let start f = Pool.map pool f (List.init n Fun.id) in
      let start f = start (fun _ -> f ()) in
      ignore (operate user pool ~time ~expected:n w start : int list Lwt.t);
      Lwt.return_unit
  | Pause n -> Workers.pauses n
  | Spin n ->
      Workers.spin n;
      Lwt.return_unit

let operations users =
  List.concat_map (fun u -> List.map (fun o -> (u, o)) (Atomic.get u.operations)) users

let all_resolved users () =
  List.for_all
    (fun (_, o) -> Option.is_some (Watched.result o.domains))
    (operations users)

(* [unresolved] is set if promises of the creator are pending when the pool has shut down. *)
let create_and_shut_down s creator published unresolved =
  let pool = Pool.create ~domains:s.size () in
  Atomic.set published (Some pool);
  let* () = Lwt_list.iter_s (perform creator pool ~time:Before) s.steps in
  let shutdown () =
    if s.deadline then Pool.shutdown ~deadline:0. ~grace:0. pool else Pool.shutdown pool
  in
  let first = shutdown () in
  let second = shutdown () in
  let* () = Lwt_list.iter_s (perform creator pool ~time:After) s.late in
  let* () = first in
  Atomic.set unresolved (not (all_resolved [ creator ] ()));
  second

(* ---- checks *)

let rec innermost = function Nested w -> innermost w | w -> w

let check_operation s ids (u, o) =
  let name = Printf.sprintf "%s of user %d" (show_work o.work) u.number in
  let runs = Atomic.get o.runs in
  if runs > o.expected then Model.fail "%s: ran %d times" name runs;
  let wrong e = Model.fail "%s: %s" name (Printexc.to_string e) in
  match (Watched.final name o.domains, o.time) with
  | Ok domains, (Before | Racing) ->
      if List.length domains <> o.expected then Model.fail "%s: too few values" name;
      if runs <> o.expected then Model.fail "%s: ran %d times" name runs;
      List.iter
        (fun id ->
          let right =
            match o.place with Some place -> id = place | None -> List.mem id ids
          in
          if not right then Model.fail "%s: ran on domain %d" name id)
        domains;
      if List.mem (innermost o.work) [ Raises; Never; Stubborn ] && o.expected > 0 then
        Model.fail "%s: has a value" name
  | Ok [], After when o.expected = 0 -> ()
  | Ok _, After -> Model.fail "%s: was not refused" name
  | Error Pool.Shut_down, (Racing | After) -> ()
  | Error Pool.Shut_down, Before -> (
      match o.work with Nested _ -> () | _ -> wrong Pool.Shut_down)
  | Error Lwt.Canceled, _ when o.cancelled -> ()
  | Error e, After -> wrong e
  | Error (Own 1), _ when innermost o.work = Raises -> ()
  | Error Lwt.Canceled, _ when s.deadline -> ()
  | Error (Lwt_interop.Domain_terminated id as e), _ ->
      let may_be =
        if List.mem id ids then s.deadline else u.life = Workers.Leaves && id = u.id
      in
      if not may_be then wrong e
  | Error e, _ -> wrong e

let check s =
  let published = Atomic.make None and unresolved = Atomic.make false in
  let creator = user 0 Workers.Stays in
  let others = List.mapi (fun i (life, _) -> user (i + 1) life) s.users in
  let join u f () =
    u.id <- (Domain.self () :> int);
    f ()
  in
  let part u (life, steps) =
    let f () =
      Workers.wait_until (fun () -> Option.is_some (Atomic.get published));
      let pool = Option.get (Atomic.get published) in
      Lwt_list.iter_s (perform u pool ~time:Racing) steps
    in
    (life, join u f)
  in
  let creating () = create_and_shut_down s creator published unresolved in
  let workers =
    Workers.start ((Workers.Stays, join creator creating) :: List.map2 part others s.users)
  in
  let users = creator :: others in
  let rounds = 100 + (2 * List.length (operations users)) in
  Fun.protect
    ~finally:(fun () -> Workers.stop workers)
    (fun () ->
      if not (Workers.eventually workers ~rounds (all_resolved users)) then
        Model.fail "a promise is pending although the pool has shut down");
  List.iter (Model.fail "unhandled exception: %s") (Workers.unhandled workers);
  let pool = Option.get (Atomic.get published) in
  let handles = List.init s.size (Pool.handle pool) in
  List.iter (check_operation s (List.map Handle.id handles)) (operations users);
  if Atomic.get unresolved then
    Model.fail "shutdown did not wait for its creator's functions";
  if List.exists Handle.is_alive handles then
    Model.fail "a domain of the pool has not terminated"

let tests =
  [
    Workers.test ~count:60 ~name:"Pool: used while it is shut down" ~show ~shrink gen
      check;
  ]
