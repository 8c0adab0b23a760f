(* The data structures that are used under a lock or by one domain: [Ring], [Waiters], [Slot_table],
   [Slab] and [Exit_hooks]. *)

module Ring_spec = struct
  type cmd = Push of int | Pop | Length | Push_many of int list | Pop_many of int

  let show_cmd = function
    | Push x -> Printf.sprintf "push %d" x
    | Pop -> "pop"
    | Length -> "length"
    | Push_many xs -> "push_many " ^ String.concat " " (List.map string_of_int xs)
    | Pop_many n -> Printf.sprintf "pop_many %d" n

  (* Oldest first. *)
  type state = int list
  type sut = int Ring.t

  let capacity = 3

  let arb_cmd (_ : state) =
    QCheck.make ~print:show_cmd
      QCheck.Gen.(
        frequency
          [
            (4, map (fun x -> Push x) (int_bound 99));
            (4, return Pop);
            (1, return Length);
            ( 4,
              map (fun xs -> Push_many xs) (list_size (int_bound capacity) (int_bound 99))
            );
            (4, map (fun n -> Pop_many n) (int_bound capacity));
          ])

  let init_state = []
  let init_sut () = Ring.create capacity
  let cleanup _ = ()

  let precond cmd state =
    match cmd with
    | Push _ -> List.length state < capacity
    | Push_many xs -> List.length state + List.length xs <= capacity
    | Pop_many n -> n <= List.length state
    | Pop | Length -> true

  let next_state cmd state =
    match cmd with
    | Push x -> state @ [ x ]
    | Pop -> List.filteri (fun i _ -> i > 0) state
    | Push_many xs -> state @ xs
    | Pop_many n -> List.filteri (fun i _ -> i >= n) state
    | Length -> state

  let run cmd ring =
    let open STM in
    match cmd with
    | Push x -> Res (unit, Ring.push ring (Some x))
    | Pop -> Res (option int, Ring.pop ring)
    | Length -> Res (int, Ring.length ring)
    | Push_many xs ->
        (* With one option before them. *)
        let source = Array.of_list (None :: List.map Option.some xs) in
        Res (unit, Ring.push_many ring source 1 (List.length xs))
    | Pop_many n ->
        let copy = Array.make n None and target = Array.make n None in
        Ring.copy ring copy n;
        Ring.pop_many ring target n;
        let all = Array.to_list target in
        Res (list (option int), if Array.to_list copy = all then all else [ None ])

  let postcond cmd (state : state) (res : STM.res) =
    let open STM in
    match (cmd, res) with
    | Push _, Res ((Unit, _), ()) -> true
    | Pop, Res ((Option Int, _), x) -> x = (List.nth_opt state 0 : int option)
    | Length, Res ((Int, _), n) -> n = List.length state
    | Push_many _, Res ((Unit, _), ()) -> true
    | Pop_many n, Res ((List (Option Int), _), xs) ->
        xs = List.map Option.some (List.filteri (fun i _ -> i < n) state)
    | _ -> false
end

(* [Waiters] and [Exit_hooks] are both ordered sets whose members may be removed at any position. A
   member is named by its index among those that were added so far. *)
module Removable_spec (Set : sig
  type t
  type member

  val create : unit -> t
  val add : t -> int -> member
  val remove : t -> member -> unit

  val remove_is_idempotent : bool
  (** Whether a member that is not in the set may be removed. *)

  val drain : t -> int list
  (** Removes all members, in their order. *)
end) =
struct
  type cmd = Add | Remove of int | Drain

  let show_cmd = function
    | Add -> "add"
    | Remove i -> Printf.sprintf "remove %d" i
    | Drain -> "drain"

  type state = { added : int; members : int list }
  type sut = { set : Set.t; mutable nodes : Set.member list }

  let removable state =
    if Set.remove_is_idempotent then List.init state.added Fun.id else state.members

  let arb_cmd state =
    let open QCheck.Gen in
    let remove =
      match removable state with
      | [] -> []
      | removable -> [ (4, map (fun i -> Remove i) (oneofl removable)) ]
    in
    QCheck.make ~print:show_cmd
      (frequency ([ (6, return Add); (1, return Drain) ] @ remove))

  let init_state = { added = 0; members = [] }
  let init_sut () = { set = Set.create (); nodes = [] }
  let cleanup _ = ()

  let precond cmd state =
    match cmd with Remove i -> List.mem i (removable state) | Add | Drain -> true

  let next_state cmd state =
    match cmd with
    | Add -> { added = state.added + 1; members = state.members @ [ state.added ] }
    | Remove i -> { state with members = List.filter (( <> ) i) state.members }
    | Drain -> { state with members = [] }

  let run cmd sut =
    let open STM in
    match cmd with
    | Add ->
        let node = Set.add sut.set (List.length sut.nodes) in
        Res (unit, (sut.nodes <- sut.nodes @ [ node ]))
    | Remove i -> Res (unit, Set.remove sut.set (List.nth sut.nodes i))
    | Drain -> Res (list int, Set.drain sut.set)

  let postcond cmd (state : state) (res : STM.res) =
    let open STM in
    match (cmd, res) with
    | (Add | Remove _), Res ((Unit, _), ()) -> true
    | Drain, Res ((List Int, _), found) -> found = state.members
    | _ -> false
end

module Waiters_spec = Removable_spec (struct
  type t = int Waiters.t
  type member = int Waiters.node

  let create = Waiters.create

  let add queue i =
    let node = Waiters.node i in
    Waiters.add queue node;
    node

  let remove = Waiters.remove
  let remove_is_idempotent = false

  let rec drain queue =
    match Waiters.first queue with
    | Nil -> []
    | Node { value; _ } as node ->
        Waiters.remove queue node;
        value :: drain queue
end)

module Exit_hooks_spec = Removable_spec (struct
  exception Called of int

  type t = Exit_hooks.t
  type member = Exit_hooks.hook

  let create = Exit_hooks.create

  let add hooks i =
    let hook = Exit_hooks.hook () in
    Exit_hooks.add hooks hook (fun _ -> raise (Called i));
    hook

  let remove _ hook = Exit_hooks.remove hook
  let remove_is_idempotent = true

  let drain hooks =
    let called = ref [] in
    let call run =
      if List.length !called > 1_000 then failwith "drain does not end";
      try run Exit with Called i -> called := i :: !called
    in
    Exit_hooks.drain call hooks;
    List.rev !called
end)

module Slot_table_spec = struct
  (* A key is an index and a generation, as in runtime/src/base/slot_map.rs. *)
  type cmd = Set of int * int * int | Reserve of int * int | Take of int * int | Drain

  let show_cmd = function
    | Set (i, generation, x) -> Printf.sprintf "set %d (generation %d) %d" i generation x
    | Reserve (i, generation) -> Printf.sprintf "reserve %d (generation %d)" i generation
    | Take (i, generation) -> Printf.sprintf "take %d (generation %d)" i generation
    | Drain -> "drain"

  (* By index. *)
  type state = (int * int) list
  type sut = int Slot_table.t

  let empty = -1
  let key i generation = (generation lsl 32) lor i

  let arb_cmd (_ : state) =
    QCheck.make ~print:show_cmd
      QCheck.Gen.(
        let index = int_bound 40 and generation = int_bound 1000 in
        frequency
          [
            (6, map3 (fun i g x -> Set (i, g, x)) index generation (int_bound 99));
            (1, map2 (fun i g -> Reserve (i, g)) index generation);
            (6, map2 (fun i g -> Take (i, g)) index generation);
            (1, return Drain);
          ])

  let init_state = []
  let init_sut () = Slot_table.create empty
  let cleanup _ = ()
  let precond _ _ = true

  let next_state cmd state =
    match cmd with
    | Set (i, _, x) -> (i, x) :: List.remove_assoc i state
    | Reserve _ -> state
    | Take (i, _) -> List.remove_assoc i state
    | Drain -> []

  let run cmd table =
    let open STM in
    match cmd with
    | Set (i, generation, x) -> Res (unit, Slot_table.set table (key i generation) x)
    | Reserve (i, generation) -> Res (unit, Slot_table.reserve table (key i generation))
    | Take (i, generation) -> Res (int, Slot_table.take table (key i generation))
    | Drain ->
        let found = ref [] in
        Slot_table.drain (fun x -> if x <> empty then found := x :: !found) table;
        Res (list int, List.sort compare !found)

  let postcond cmd (state : state) (res : STM.res) =
    let open STM in
    match (cmd, res) with
    | (Set _ | Reserve _), Res ((Unit, _), ()) -> true
    | Take (i, _), Res ((Int, _), x) ->
        x = Option.value (List.assoc_opt i state) ~default:empty
    | Drain, Res ((List Int, _), found) -> found = List.sort compare (List.map snd state)
    | _ -> false
end

module Slab_spec = struct
  (* Keys are named by the order in which they were taken. *)
  type cmd = Take_key | Set of int * int | Get of int | Release of int | Iter

  let show_cmd = function
    | Take_key -> "take_key"
    | Set (i, x) -> Printf.sprintf "set (the %d. key) %d" i x
    | Get i -> Printf.sprintf "get (the %d. key)" i
    | Release i -> Printf.sprintf "release (the %d. key)" i
    | Iter -> "iter"

  (* [values] has those of the keys in use. *)
  type state = { taken : int; values : (int * int) list }
  type sut = { slab : int Slab.t; mutable keys : int list }

  let empty = -1

  let arb_cmd state =
    QCheck.make ~print:show_cmd
      QCheck.Gen.(
        let used f = List.map (fun (i, _) -> (3, f i)) state.values in
        let set i = map (fun x -> Set (i, x)) (int_bound 99) in
        frequency
          ([ (10, return Take_key); (1, return Iter) ]
          @ used set
          @ used (fun i -> return (Get i))
          @ used (fun i -> return (Release i))))

  let init_state = { taken = 0; values = [] }
  let init_sut () = { slab = Slab.create empty; keys = [] }
  let cleanup _ = ()

  let precond cmd state =
    match cmd with
    | Set (i, _) | Get i | Release i -> List.mem_assoc i state.values
    | Take_key | Iter -> true

  let next_state cmd state =
    match cmd with
    | Take_key ->
        { taken = state.taken + 1; values = (state.taken, empty) :: state.values }
    | Set (i, x) -> { state with values = (i, x) :: List.remove_assoc i state.values }
    | Release i -> { state with values = List.remove_assoc i state.values }
    | Get _ | Iter -> state

  let run cmd sut =
    let open STM in
    let key i = List.nth sut.keys i in
    match cmd with
    | Take_key ->
        let key = Slab.take_key sut.slab in
        sut.keys <- sut.keys @ [ key ];
        (* It has no value of an earlier user. *)
        Res (int, Slab.get sut.slab key)
    | Set (i, x) -> Res (unit, Slab.set sut.slab (key i) x)
    | Get i -> Res (int, Slab.get sut.slab (key i))
    | Release i -> Res (unit, Slab.release sut.slab (key i))
    | Iter ->
        let found = ref [] in
        Slab.iter (fun x -> if x <> empty then found := x :: !found) sut.slab;
        Res (list int, List.sort compare !found)

  let postcond cmd (state : state) (res : STM.res) =
    let open STM in
    match (cmd, res) with
    | (Set _ | Release _), Res ((Unit, _), ()) -> true
    | Take_key, Res ((Int, _), x) -> x = empty
    | Get i, Res ((Int, _), x) -> x = List.assoc i state.values
    | Iter, Res ((List Int, _), found) ->
        let values = List.filter (( <> ) empty) (List.map snd state.values) in
        found = List.sort compare values
    | _ -> false
end

module Ring_test = STM_sequential.Make (Ring_spec)
module Waiters_test = STM_sequential.Make (Waiters_spec)
module Exit_hooks_test = STM_sequential.Make (Exit_hooks_spec)
module Slab_test = STM_sequential.Make (Slab_spec)
module Slot_table_test = STM_sequential.Make (Slot_table_spec)

let () =
  let count = Model.count 1000 in
  Model.run
    [
      Ring_test.agree_test ~count ~name:"Ring: agrees with a list";
      Waiters_test.agree_test ~count ~name:"Waiters: agrees with a list";
      Exit_hooks_test.agree_test ~count ~name:"Exit_hooks: agrees with a list";
      Slot_table_test.agree_test ~count ~name:"Slot_table: agrees with a map";
      Slab_test.agree_test ~count ~name:"Slab: agrees with a map";
    ]
