module Channel = Lwt_interop.Channel

module Spec
    (C : Representation.S)
    (Size : sig
      val capacity : int
    end) =
struct
  type cmd = Try_send of int | Try_recv | Close | Is_closed | Length

  let show_cmd = function
    | Try_send x -> Printf.sprintf "try_send %d" x
    | Try_recv -> "try_recv"
    | Close -> "close"
    | Is_closed -> "is_closed"
    | Length -> "length"

  (* Oldest first. *)
  type state = { items : int list; closed : bool }
  type sut = int Channel.t

  let arb_cmd _ =
    QCheck.make ~print:show_cmd
      QCheck.Gen.(
        frequency
          [
            (8, map (fun x -> Try_send x) (int_bound 99));
            (7, return Try_recv);
            (1, return Close);
            (1, return Is_closed);
            (2, return Length);
          ])

  let init_state = { items = []; closed = false }
  let init_sut () = C.create ~capacity:Size.capacity
  let cleanup _ = ()
  let precond _ _ = true

  type _ STM.ty += Send : [ `Sent | `Full | `Closed ] STM.ty
  type _ STM.ty += Recv : [ `Received of int | `Empty | `Closed ] STM.ty

  let sending = (Send, function `Sent -> "sent" | `Full -> "full" | `Closed -> "closed")

  let receiving =
    ( Recv,
      function
      | `Received x -> Printf.sprintf "received %d" x
      | `Empty -> "empty"
      | `Closed -> "closed" )

  let try_send state =
    if state.closed then `Closed
    else if List.length state.items = Size.capacity then `Full
    else `Sent

  let try_recv state =
    match state.items with
    | x :: _ -> `Received x
    | [] -> if state.closed then `Closed else `Empty

  let next_state cmd state =
    match cmd with
    | Try_send x when try_send state = `Sent -> { state with items = state.items @ [ x ] }
    | Try_recv -> { state with items = List.filteri (fun i _ -> i > 0) state.items }
    | Close -> { state with closed = true }
    | Try_send _ | Is_closed | Length -> state

  let run cmd c =
    let open STM in
    match cmd with
    | Try_send x -> Res (sending, Channel.try_send c x)
    | Try_recv -> Res (receiving, Channel.try_recv c)
    | Close -> Res (unit, Channel.close c)
    | Is_closed -> Res (bool, Channel.is_closed c)
    | Length -> Res (int, Channel.length c)

  let postcond cmd state res =
    let open STM in
    match (cmd, res) with
    | Try_send _, Res ((Send, _), outcome) -> outcome = try_send state
    | Try_recv, Res ((Recv, _), outcome) -> outcome = try_recv state
    | Close, Res ((Unit, _), ()) -> true
    | Is_closed, Res ((Bool, _), closed) -> closed = state.closed
    | Length, Res ((Int, _), n) -> n = List.length state.items
    | _ -> false
end

let of_capacity (module C : Representation.S) capacity =
  let module Spec =
    Spec
      (C)
      (struct
        let capacity = capacity
      end)
  in
  let module Sequential = STM_sequential.Make (Spec) in
  let module Parallel = STM_domain.Make (Spec) in
  let name where =
    Printf.sprintf "Channel %s: calls %s, capacity %d" C.name where capacity
  in
  [
    Sequential.agree_test ~count:(Model.count 300) ~name:(name "in one domain");
    QCheck.Test.make ~retries:10 ~count:(Model.count 20) ~name:(name "in two domains")
      (Parallel.arb_cmds_triple 10 10)
      (Model.repeated 10 Parallel.agree_prop_par);
  ]

let tests =
  List.concat_map
    (fun channel -> List.concat_map (of_capacity channel) [ 1; 3 ])
    Representation.all
