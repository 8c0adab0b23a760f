module Channel = Lwt_interop.Channel
module Handle = Lwt_interop.Handle

type cmd =
  | Send of int
  | Recv
  | Try_send of int
  | Try_recv
  | Cancel of int  (** The promise at this index, modulo the number of promises. *)
  | Close
  | Run_loop  (** Until all messages have been processed. *)

let show_cmd = function
  | Send x -> Printf.sprintf "send %d" x
  | Recv -> "recv"
  | Try_send x -> Printf.sprintf "try_send %d" x
  | Try_recv -> "try_recv"
  | Cancel i -> Printf.sprintf "cancel %d" i
  | Close -> "close"
  | Run_loop -> "run_loop"

(* ---- the model *)

type receiver = In_queue | Notified | Exhausted
type sender = Waiting of int | Sent | Refused
type promise = Receiver of receiver | Sender of sender | Resolved of string

type state = {
  capacity : int;
  items : int list;
  closed : bool;
  promises : promise list;  (** In the order of their calls. *)
}

let reserved s = List.length (List.filter (( = ) (Receiver Notified)) s.promises)
let is_full s = List.length s.items = s.capacity
let is_exhausted s = s.closed && s.items = []
let has_spare s = List.length s.items > reserved s
let is_waiting = function Sender (Waiting _) -> true | _ -> false

(* Replaces the first promise that satisfies [holds]. *)
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
      if has_spare s && List.mem (Receiver In_queue) s.promises then
        serve
          {
            s with
            promises =
              replace_first (( = ) (Receiver In_queue)) (Receiver Notified) s.promises;
          }
      else if is_exhausted s then
        let notify = function Receiver In_queue -> Receiver Exhausted | p -> p in
        { s with promises = List.map notify s.promises }
      else s

let add p s = { s with promises = s.promises @ [ p ] }
let item x = Resolved (Printf.sprintf "Some %d" x)

let rec run_loop s =
  match s.items with
  | x :: items when List.mem (Receiver Notified) s.promises ->
      let promises = replace_first (( = ) (Receiver Notified)) (item x) s.promises in
      run_loop (serve { s with items; promises })
  | _ ->
      let resolve = function
        | Receiver Exhausted -> Resolved "None"
        | Sender Sent -> Resolved "()"
        | Sender Refused -> Resolved "Closed"
        | p -> p
      in
      { s with promises = List.map resolve s.promises }

let cancel = function
  | Receiver _ | Sender (Waiting _) -> Resolved "Canceled"
  | Sender Sent -> Resolved "()"
  | Sender Refused -> Resolved "Closed"
  | Resolved _ as p -> p

let chosen i promises = i mod List.length promises

(* The new state, and the result of a call that returns no promise. *)
let step cmd s =
  match (cmd, s.items) with
  | Send _, _ when s.closed -> (add (Resolved "Closed") s, "")
  | Send x, _ when is_full s -> (add (Sender (Waiting x)) s, "")
  | Send x, _ -> (add (Resolved "()") { s with items = s.items @ [ x ] }, "")
  | Try_send _, _ when s.closed -> (s, "closed")
  | Try_send _, _ when is_full s -> (s, "full")
  | Try_send x, _ -> ({ s with items = s.items @ [ x ] }, "sent")
  | Recv, x :: items when has_spare s -> (add (item x) { s with items }, "")
  | Recv, [] when s.closed -> (add (Resolved "None") s, "")
  | Recv, _ -> (add (Receiver In_queue) s, "")
  | Try_recv, x :: items when has_spare s -> ({ s with items }, string_of_int x)
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
  | Run_loop, _ -> (run_loop s, "")

let step cmd s =
  let s, result = step cmd s in
  (serve s, result)

let show_promise_model = function Receiver _ | Sender _ -> "..." | Resolved text -> text

let view result length promises =
  String.concat " " (result :: string_of_int length :: promises)

(* ---- the implementation *)

module Spec
    (C : Representation.S)
    (Size : sig
      val capacity : int
    end) =
struct
  type nonrec cmd = cmd

  let show_cmd = show_cmd

  type nonrec state = state
  type promise = Unit of unit Lwt.t | Item of int option Lwt.t

  (* Last first. *)
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
            (6, return Run_loop);
          ])

  let init_state = { capacity = Size.capacity; items = []; closed = false; promises = [] }
  let init_sut () = { channel = C.create ~capacity:Size.capacity; promises = [] }
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

  (* A receiver that finishes may notify the next one, whose message is behind those that are in the
     mailbox already. Those of Rust's have a mailbox of their own, and are followed by a request to the loop. *)
  let run_loop sut =
    let me = Handle.current () in
    let round () = Lwt.bind (Handle.spawn me Lwt.return) Lwt.pause in
    let rec go n =
      if n = 0 then Lwt.return_unit else Lwt.bind (round ()) (fun () -> go (n - 1))
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
    | Run_loop ->
        run_loop sut;
        ""

  let run cmd sut =
    let result = perform cmd sut in
    let promises = List.rev_map show_promise sut.promises in
    let text = view result (Channel.length sut.channel) promises in
    STM.(Res (string, text))

  let postcond cmd state res =
    let state, result = step cmd state in
    let expected =
      let promises = List.map (fun p -> show_promise_model p) state.promises in
      view result (List.length state.items) promises
    in
    match res with STM.Res ((STM.String, _), found) -> found = expected | _ -> false
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
  let name = Printf.sprintf "Channel %s: waiters, capacity %d" C.name capacity in
  Sequential.agree_test ~count:(Model.count 4000) ~name

let tests =
  List.concat_map
    (fun channel -> List.map (of_capacity channel) [ 1; 2; 5 ])
    Representation.all
