module Channel = Lwt_interop.Channel
module Handle = Lwt_interop.Handle

type cmd =
  | Send of int
  | Recv
  | Try_send of int
  | Try_recv
  | Cancel of int  (** of the promises so far, the one at this place, or there about *)
  | Close
  | Turn  (** of the loop, until all messages have been delivered *)

let show_cmd = function
  | Send x -> Printf.sprintf "send %d" x
  | Recv -> "recv"
  | Try_send x -> Printf.sprintf "try_send %d" x
  | Try_recv -> "try_recv"
  | Cancel i -> Printf.sprintf "cancel %d" i
  | Close -> "close"
  | Turn -> "turn"

(* ---- the rules *)

type wait = In_line | Called | Ended
type fate = Waiting of int | Sent | Refused
type promise = Receiver of wait | Sender of fate | Settled of string

type state = {
  capacity : int;
  items : int list;
  closed : bool;
  promises : promise list;  (** in the order of their calls *)
}

let called s = List.length (List.filter (( = ) (Receiver Called)) s.promises)
let is_full s = List.length s.items = s.capacity
let is_drained s = s.closed && s.items = []
let spare s = List.length s.items > called s
let is_waiting = function Sender (Waiting _) -> true | _ -> false

(* The first promise for which it holds is replaced. *)
let replace_first holds by promises =
  let rec go = function
    | [] -> []
    | p :: rest -> if holds p then by :: rest else p :: go rest
  in
  go promises

let rec serve s =
  match List.find_opt is_waiting s.promises with
  | Some (Sender (Waiting x)) when (not s.closed) && not (is_full s) ->
      serve
        {
          s with
          items = s.items @ [ x ];
          promises = replace_first is_waiting (Sender Sent) s.promises;
        }
  | _ ->
      if spare s && List.mem (Receiver In_line) s.promises then
        serve
          {
            s with
            promises =
              replace_first (( = ) (Receiver In_line)) (Receiver Called) s.promises;
          }
      else if is_drained s then
        let learn = function Receiver In_line -> Receiver Ended | p -> p in
        { s with promises = List.map learn s.promises }
      else s

let made p s = { s with promises = s.promises @ [ p ] }
let item x = Settled (Printf.sprintf "Some %d" x)

let rec turn s =
  match s.items with
  | x :: items when List.mem (Receiver Called) s.promises ->
      let promises = replace_first (( = ) (Receiver Called)) (item x) s.promises in
      turn (serve { s with items; promises })
  | _ ->
      let learn = function
        | Receiver Ended -> Settled "None"
        | Sender Sent -> Settled "()"
        | Sender Refused -> Settled "Closed"
        | p -> p
      in
      { s with promises = List.map learn s.promises }

let cancel = function
  | Receiver _ | Sender (Waiting _) -> Settled "Canceled"
  | Sender Sent -> Settled "()"
  | Sender Refused -> Settled "Closed"
  | Settled _ as p -> p

let chosen i promises = i mod List.length promises

(* The new state, and what the call returns. *)
let step cmd s =
  match (cmd, s.items) with
  | Send _, _ when s.closed -> (made (Settled "Closed") s, "")
  | Send x, _ when is_full s -> (made (Sender (Waiting x)) s, "")
  | Send x, _ -> (made (Settled "()") { s with items = s.items @ [ x ] }, "")
  | Try_send _, _ when s.closed -> (s, "closed")
  | Try_send _, _ when is_full s -> (s, "full")
  | Try_send x, _ -> ({ s with items = s.items @ [ x ] }, "sent")
  | Recv, x :: items when spare s -> (made (item x) { s with items }, "")
  | Recv, [] when s.closed -> (made (Settled "None") s, "")
  | Recv, _ -> (made (Receiver In_line) s, "")
  | Try_recv, x :: items when spare s -> ({ s with items }, string_of_int x)
  | Try_recv, [] when s.closed -> (s, "closed")
  | Try_recv, _ -> (s, "empty")
  | Cancel _, _ when s.promises = [] -> (s, "")
  | Cancel i, _ ->
      let i = chosen i s.promises in
      let promises = List.mapi (fun k p -> if k = i then cancel p else p) s.promises in
      ({ s with promises }, "")
  | Close, _ ->
      let refuse = function Sender (Waiting _) -> Sender Refused | p -> p in
      ({ s with closed = true; promises = List.map refuse s.promises }, "")
  | Turn, _ -> (turn s, "")

let step cmd s =
  let s, said = step cmd s in
  (serve s, said)

let show_promise_model = function Receiver _ | Sender _ -> "..." | Settled text -> text

let view said length promises =
  String.concat " " (said :: string_of_int length :: promises)

(* ---- the real thing *)

module Spec (Size : sig
  val capacity : int
end) =
struct
  type nonrec cmd = cmd

  let show_cmd = show_cmd

  type nonrec state = state
  type promise = Unit of unit Lwt.t | Item of int option Lwt.t

  (* The last one first. *)
  type sut = { channel : int Channel.t; mutable promises : promise list }

  let arb_cmd _ =
    QCheck.make ~print:show_cmd
      QCheck.Gen.(
        frequency
          [
            (8, map (fun x -> Send x) (int_bound 99));
            (8, return Recv);
            (2, map (fun x -> Try_send x) (int_bound 99));
            (2, return Try_recv);
            (6, map (fun i -> Cancel i) (int_bound 99));
            (1, return Close);
            (6, return Turn);
          ])

  let init_state = { capacity = Size.capacity; items = []; closed = false; promises = [] }
  let init_sut () = { channel = Channel.create ~capacity:Size.capacity; promises = [] }
  let cancel = function Unit p -> Lwt.cancel p | Item p -> Lwt.cancel p
  let cleanup sut = List.iter cancel sut.promises
  let precond _ _ = true
  let next_state cmd state = fst (step cmd state)

  let show value p =
    match Lwt.state p with
    | Lwt.Sleep -> "..."
    | Lwt.Return v -> value v
    | Lwt.Fail Channel.Closed -> "Closed"
    | Lwt.Fail Lwt.Canceled -> "Canceled"
    | Lwt.Fail e -> Printexc.to_string e

  let show_item = function None -> "None" | Some x -> Printf.sprintf "Some %d" x

  let show_promise = function
    | Unit p -> show (fun () -> "()") p
    | Item p -> show show_item p

  (* Who comes may have the next one called, who comes behind the messages that are there. *)
  let turn sut =
    let me = Handle.current () in
    let rec go n =
      if n = 0 then Lwt.return_unit
      else Lwt.bind (Handle.spawn me Lwt.return) (fun () -> go (n - 1))
    in
    Lwt_main.run (go (2 + List.length sut.promises))

  let perform cmd sut =
    let keep p = sut.promises <- p :: sut.promises in
    match cmd with
    | Send x ->
        keep (Unit (Channel.send sut.channel x));
        ""
    | Recv ->
        keep (Item (Channel.recv sut.channel));
        ""
    | Try_send x -> (
        match Channel.try_send sut.channel x with
        | `Sent -> "sent"
        | `Full -> "full"
        | `Closed -> "closed")
    | Try_recv -> (
        match Channel.try_recv sut.channel with
        | `Received x -> string_of_int x
        | `Empty -> "empty"
        | `Closed -> "closed")
    | Cancel i ->
        if sut.promises <> [] then
          cancel (List.nth (List.rev sut.promises) (chosen i sut.promises));
        ""
    | Close ->
        Channel.close sut.channel;
        ""
    | Turn ->
        turn sut;
        ""

  let run cmd sut =
    let said = perform cmd sut in
    let promises = List.rev_map show_promise sut.promises in
    STM.(Res (string, view said (Channel.length sut.channel) promises))

  let postcond cmd state res =
    let state, said = step cmd state in
    let expected =
      let promises = List.map (fun p -> show_promise_model p) state.promises in
      view said (List.length state.items) promises
    in
    match res with STM.Res ((STM.String, _), found) -> found = expected | _ -> false
end

let of_capacity capacity =
  let module Spec = Spec (struct
    let capacity = capacity
  end) in
  let module Sequential = STM_sequential.Make (Spec) in
  let name = Printf.sprintf "Channel: who waits, capacity %d" capacity in
  Sequential.agree_test ~count:(Model.count 4000) ~name

let tests = List.map of_capacity [ 1; 2; 5 ]
